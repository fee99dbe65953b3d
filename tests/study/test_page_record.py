"""A page says which study it is of, and what of it another study would not show."""

from pathlib import Path
from typing import Any

import pytest

from prunegrid.study.config import validate
from prunegrid.study.page_record import as_meta, page_record, replaced
from prunegrid.tables.page import content_of, page
from tests.study.plans import SCHEMA, configuration


def record(**changes: Any) -> dict[str, Any]:
    return page_record(validate(configuration(**changes), SCHEMA))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "report.html"
    file.write_text(page("of <one>", "content", as_meta(record())))
    return file


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ratios": [0.5, 0.6, 0.65]},
        {"match": ["share", "tflops_total"]},
        {"criteria": ["norm", "random", "attention"]},
        {"bundle_size": 3, "shard_size": 2},
        {"benchmark_specs": {"b": {"adapter": "pope", "path": "data.parquet", "jobs_per_bundle": 3}}},
        {"model_specs": {"m": {"path": "somewhere", "gpus": 4, "batch_size": 3}}},
    ],
)
def test_a_study_that_has_all_of_a_page_replaces_nothing(written: Path, changes: dict[str, Any]) -> None:
    assert replaced(written, record(**changes)) == ""


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"ratios": [0.65, 0.7], "seeds": [0]}, "ratios 0.5"),
        ({"strategies": ["hierarchical", "uniform"]}, "strategies random, exit, blind, mismatched"),
        (
            {"benchmark_specs": {"b": {"adapter": "pope", "path": "other.parquet"}}},
            "benchmarks b with other settings",
        ),
        ({"strategy_specs": {"exit": {"options": {}}}}, "strategies hierarchical with other settings"),
        ({"model_specs": {"m": {"path": "elsewhere"}}}, "models m with other settings"),
        ({"match": "tflops_total"}, "match share"),
        ({"match": ["tflops_total"]}, "match share"),
    ],
)
def test_what_a_page_would_lose_is_named(written: Path, changes: dict[str, Any], lost: str) -> None:
    before = record(seeds=[0])
    written.write_text(page("one", "content", as_meta(before)))
    assert replaced(written, record(**{"seeds": [0], **changes})) == lost


def test_pages_without_a_record_lose_nothing_that_is_known(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert replaced(file, record()) == ""
    file.write_text(page("one", "content"))
    assert replaced(file, record()) == ""
    file.write_text('<meta name="prunegrid-study" content="{half of">')
    assert replaced(file, record()) == ""


def test_the_record_is_in_the_head_and_out_of_sight(written: Path) -> None:
    text = written.read_text()
    assert text.index("prunegrid-study") < text.index("<title>") < text.index("</head>")
    assert content_of(text).strip() == "content"
