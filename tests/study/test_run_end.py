"""What the last lines of a run tell, and that a failed run tells nothing of an older one."""

import json

import pytest

from prunegrid.study.run_end import last_lines
from tests.study.plans import planned


@pytest.fixture
def plan(tmp_path):
    """A plan of few cells, none of them computed."""
    few = {"benchmarks": ["easyvqa"], "strategies": ["single"], "criteria": ["norm"], "ratios": [0.5]}
    return planned(results_dir=str(tmp_path / "results"), **few)


@pytest.fixture
def files(tmp_path):
    """Page, findings and suggestion as an earlier run left them."""
    page, findings, flow = (tmp_path / name for name in ("report.html", "findings.json", "flow.json"))
    page.write_text("")
    findings.write_text(json.dumps({"statements": [{"topic": "random", "sentence": "it is as good."}]}))
    flow.write_text(json.dumps({"model": "demo", "sentence": "K1 = 2 and K2 = 4"}))
    return page, findings, flow


def test_page_findings_and_suggestions_are_told(plan, files):
    page, findings, flow = files
    told = last_lines(plan, page, "ask", [findings], [flow])
    assert "random: it is as good." in told
    assert f"page: {page}" in told
    assert "demo: flows of attention: K1 = 2 and K2 = 4" in told
    assert told[-1] == "what is missing, and why: ask"


def test_a_failed_run_tells_nothing_that_an_older_one_found(plan, files, tmp_path):
    page, findings, flow = files
    told = last_lines(plan, page, "ask", [findings], [flow], failed=True)
    assert not [line for line in told if "flows of" in line or "random" in line or str(tmp_path) in line]
    assert told[-1] == "what is missing, and why: ask"
