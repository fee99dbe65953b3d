"""`match: tflops_total`: the same total compute at one ratio, or a reason why not."""

import json
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import yaml

from prunegrid import plugins
from prunegrid.cost import equal_compute
from prunegrid.cost.equal_compute import MATCH_TOLERANCE, matched_ratio
from prunegrid.cost.expected import expected_compute
from prunegrid.cost.model_config import complete_config
from prunegrid.errors import ConfigError, UnreachableRatioError
from prunegrid.files import read_sealed
from prunegrid.study import matches
from prunegrid.study.compute_plan import as_text, compute_plan
from prunegrid.study.config import validate
from prunegrid.study.fingerprint import Code
from prunegrid.study.matches import Matches
from prunegrid.study.measured_cells import measured_cells
from prunegrid.study.plan import Plan

HOME = Path(__file__).parents[2]
DEMO = json.loads((HOME / "demo/model/config.json").read_text())
LLAVA = json.loads((HOME / "tests/fixtures/hub_configs/llava-1.5-7b-hf.json").read_text())
TOKENS = {"demo": 64, "llava": 576}
CONFIGS = {"demo": DEMO, "llava": LLAVA}


def settings(strategy: str, criterion: str | None, **options) -> dict:
    if strategy == "hierarchical":
        options = {"layers": [0.0625, 0.25], **options}
    return {
        "strategy": strategy,
        "strategy_options": options,
        "criterion": criterion,
        "criterion_options": {},
    }


REFERENCE = settings("hierarchical", "attention")
RANKING = ["hierarchical", "uniform", "constant", "random", "single", "pyramid"]


def assumed(model: str, **changes) -> dict:
    return {"image_tokens": TOKENS[model], "text_before": 5, "text_after": 60, "generated": 1, **changes}


def total(model: str, of: dict, ratio: float, seed: int = 0, **changes) -> float:
    found = expected_compute(CONFIGS[model], ratio=ratio, seed=seed, **of, **assumed(model, **changes))
    return found["tflops_total"]


@pytest.mark.parametrize("model", ["demo", "llava"])
@pytest.mark.parametrize("criterion", ["attention", "attention_deep", "attention_last", "norm", "random"])
@pytest.mark.parametrize("strategy", RANKING)
def test_totals_are_those_of_the_reference(model: str, strategy: str, criterion: str) -> None:
    for ratio in (0.5, 0.653):
        target = total(model, REFERENCE, ratio)
        of, seed = settings(strategy, criterion), 3 if strategy == "random" else 0
        found = matched_ratio(CONFIGS[model], of, REFERENCE, ratio, seed, assumed(model))
        miss = abs(total(model, of, found, seed) / target - 1)
        assert miss <= MATCH_TOLERANCE
        # No ratio nearby does better than whole tokens allow.
        others = [total(model, of, found + k / 1000, seed) for k in range(-5, 6)]
        assert miss <= min(abs(other / target - 1) for other in others) + 1e-3


def test_what_scores_for_less_may_keep_more() -> None:
    share, deep, free = (
        matched_ratio(DEMO, settings("hierarchical", c), REFERENCE, 0.5, 0, assumed("demo"))
        for c in ("attention", "attention_deep", "random")
    )
    assert share == 0.5
    assert free < 0.5 < deep


def test_the_scoring_of_long_prompts_counts() -> None:
    short, long = (
        matched_ratio(DEMO, settings("uniform", "norm"), REFERENCE, 0.5, 0, assumed("demo", text_after=n))
        for n in (5, 200)
    )
    assert long < short


def test_an_exit_is_the_nearest_layer() -> None:
    of = settings("exit", None)
    found = matched_ratio(DEMO, of, REFERENCE, 0.653, 0, assumed("demo"))
    target = total("demo", REFERENCE, 0.653)
    by_layer = [abs(total("demo", of, 1 - layer / 8) - target) for layer in range(1, 8)]
    assert abs(total("demo", of, found) - target) == min(by_layer)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (settings("hierarchical", "gradient"), r"scoring alone takes \d\.\d\d times the reference's total"),
        (settings("random", "gradient_other"), "scoring alone"),
        (settings("single", "attention", layer=5), r"it takes at least 1\.\d+ times"),
        (settings("hierarchical", "attention", keep=[0.9, 0.8]), "it takes at least"),
        (settings("hierarchical", "attention", keep=[0.1, 0.05]), "it takes at most"),
    ],
)
def test_out_of_reach_has_a_reason(of: dict, message: str) -> None:
    with pytest.raises(UnreachableRatioError, match=message):
        matched_ratio(DEMO, of, REFERENCE, 0.653, 0, assumed("demo"))


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").write_text('{"image": "a.png", "question": "q", "answer": "a"}\n')
    default = yaml.safe_load((HOME / "config.yaml").read_text())

    def make(**changes) -> Plan:
        config = {
            **default,
            "benchmarks": ["b"],
            "benchmark_specs": {"b": {"adapter": "vqa", "path": "data.jsonl"}},
            "latency": {},
            "strategies": ["hierarchical", "constant", "blind"],
            "criteria": ["attention", "norm", "gradient"],
            "ratios": [0.653],
            "exclude": [],
            **changes,
        }
        return Plan(validate(config, HOME / "workflow/schemas/config.schema.yaml"), HOME)

    return make


def test_cells_keep_their_places_and_get_other_keys_where_their_schedule_changes(plan) -> None:
    share, matched = plan(), plan(match="tflops_total")
    assert {c.folder for c in share.grid.cells} - {c.folder for c in matched.grid.cells} == {
        f"demo/b/{strategy}/gradient/ratio-0.653/seed-0" for strategy in ("hierarchical", "constant")
    }
    assert {(u.strategy, u.criterion) for u in matched.grid.unreachable} == {
        ("hierarchical", "gradient"),
        ("constant", "gradient"),
    }
    for cell in matched.grid.cells:
        same = share.keys.prediction_key(cell) == matched.keys.prediction_key(cell)
        assert same == (
            cell.strategy in ("none", "blind")
            or cell.criterion == "attention" != cell.strategy == "hierarchical"
        )
        assert same == (matched.share_ratio(cell) == cell.ratio)


def test_nothing_is_solved_twice(plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first = plan(match="tflops_total")
    ratios = {cell: first.share_ratio(cell) for cell in first.grid.cells}
    monkeypatch.setattr(equal_compute, "expected_compute", lambda *a, **k: pytest.fail("solved again"))
    second = plan(match="tflops_total")
    assert {cell: second.share_ratio(cell) for cell in second.grid.cells} == ratios
    assert second.grid.unreachable == first.grid.unreachable
    with pytest.raises(pytest.fail.Exception):
        _ = plan(match="tflops_total", compute_plan={"text_after": 30}).grid


def test_an_edited_family_is_matched_anew(plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ = plan(match="tflops_total").grid
    path, edited = plugins.path, tmp_path / "models/llava.py"
    edited.parent.mkdir()
    edited.write_text(path("models", "llava").read_text() + "EDITED = True\n")
    monkeypatch.setattr(plugins, "path", lambda *name: edited if name[1] == "llava" else path(*name))
    monkeypatch.setattr(equal_compute, "expected_compute", lambda *a, **k: pytest.fail("solved again"))
    with pytest.raises(pytest.fail.Exception):
        _ = plan(match="tflops_total").grid


def test_an_edited_part_of_a_criterion_is_matched_anew(
    plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = plan(match="tflops_total").grid
    path, edited = plugins.path, tmp_path / "criteria/attention_deep.py"
    edited.parent.mkdir()
    edited.write_text(path("criteria", "attention_deep").read_text() + "EDITED = True\n")
    monkeypatch.setattr(plugins, "path", lambda *name: edited if name[1] == "attention_deep" else path(*name))
    monkeypatch.setattr(equal_compute, "expected_compute", lambda *a, **k: pytest.fail("solved again"))
    with pytest.raises(pytest.fail.Exception):
        _ = plan(match="tflops_total").grid


def test_a_model_that_is_not_here_yet_is_not_matched(plan) -> None:
    elsewhere = {"demo": {"path": "owner/model", "layers": 8}}
    grid = plan(match="tflops_total", model_specs=elsewhere).grid
    assert {c.criterion for c in grid.cells} == {"none", "attention", "norm", "gradient"}


def test_an_unreadable_memory_is_made_anew(tmp_path: Path, plan) -> None:
    file = tmp_path / "matches.json"
    file.write_text("{")
    matches = Matches(plan(match="tflops_total").inputs, file, Code())
    found = matches.ratio("demo", "constant", "norm", 0.653, 0)
    matches.save()
    assert found in read_sealed(file).values()


def test_a_machine_without_transformers_is_told_so(plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(matches, "version", missing)
    with pytest.raises(ConfigError, match="match: tflops_total: transformers is not installed here"):
        _ = plan(match="tflops_total").grid
    assert plan().grid.cells
    monkeypatch.setitem(sys.modules, "transformers.models.auto.configuration_auto", None)
    with pytest.raises(ConfigError, match=r"configuration_auto is not installed here, .* pip install"):
        complete_config({**DEMO, "never": "seen"})


BOTH = ["share", "tflops_total"]


def test_both_matchings_keep_the_keys_and_the_places_of_shares(plan) -> None:
    share, total, both = plan(), plan(match="tflops_total"), plan(match=BOTH)
    found = {cell.folder: both.keys.score_key(cell) for cell in both.grid.cells}
    plain = {cell.folder: share.keys.score_key(cell) for cell in share.grid.cells}
    matched = {
        cell.folder.replace("ratio-0.653", "ratio-0.653-tflops_total"): total.keys.score_key(cell)
        for cell in total.grid.cells
    }
    assert found == plain | matched
    # Without a ratio nothing is matched; the reference is the same under both, and computed once.
    assert {cell.match for cell in both.grid.cells if not cell.ratio} == {""}
    assert {cell.match for cell in both.grid.cells if cell.ratio} == set(BOTH)
    bundled = [cell for cells in both.bundles("demo").values() for cell in cells]
    assert len(bundled) == len(set(found.values())) == len(found) - 1
    assert {both.bundle_of(cell) for cell in both.grid.cells} == {*both.bundles("demo")}


def test_what_one_matching_does_not_reach_the_other_may(plan) -> None:
    grid = plan(match=BOTH).grid
    assert {(u.strategy, u.criterion, u.match) for u in grid.unreachable} == {
        ("hierarchical", "gradient", "tflops_total"),
        ("constant", "gradient", "tflops_total"),
    }
    assert {c.match for c in grid.cells if c.criterion == "gradient"} == {"share"}


def test_lines_for_people_name_the_matching(plan) -> None:
    labels = [cell.label for cell in plan(match=BOTH, criteria=["norm"]).grid.cells]
    assert labels[:3] == [
        "none, ratio 0.000, seed 0",
        "hierarchical x norm, ratio 0.653, equal share of tokens, seed 0",
        "hierarchical x norm, ratio 0.653, equal total compute, seed 0",
    ]
    assert plan(criteria=["norm"]).grid.cells[1].label == "hierarchical x norm, ratio 0.653, seed 0"


def test_cells_are_left_out_and_measured_by_their_matching(plan) -> None:
    entry = {"match": "tflops_total", "criterion": "norm"}
    left = plan(match=BOTH, exclude=[entry]).grid.cells
    assert {c.match for c in left if c.criterion == "norm"} == {"share"}
    assert {c.match for c in left if c.criterion == "attention"} == set(BOTH)
    measured = plan(match=BOTH, latency={"cells": [entry]})
    assert [c.match for c in measured_cells(measured, "demo")] == ["", "tflops_total", "tflops_total"]
    # Of the only matching, each cell with a ratio has it; an entry of another one fits none.
    assert not [c for c in plan(match="tflops_total", exclude=[entry]).grid.cells if c.criterion == "norm"]
    assert not measured_cells(plan(latency={"cells": [entry]}), "demo")
    with pytest.raises(ConfigError, match=r"exclude\[0\].match: 'tflops_total' is not in the grid"):
        plan(exclude=[entry])
    with pytest.raises(ConfigError, match=r"exclude.0.match: 'total' is not allowed"):
        plan(match=BOTH, exclude=[{"match": "total"}])


@pytest.mark.parametrize("match", [["share"], ["tflops_total"]])
def test_a_list_of_one_is_that_one(plan, match: list[str]) -> None:
    alone = plan(match=match[0])
    assert plan(match=match).grid == alone.grid
    assert [plan(match=match).share_ratio(c) for c in alone.grid.cells] == [
        alone.share_ratio(c) for c in alone.grid.cells
    ]


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ([], r"match: \[\] should be non-empty"),
        (["share", "share"], "match: .* has non-unique elements"),
        (["share", "flops"], "match.1: 'flops' is not allowed: did you mean 'tflops_total'"),
    ],
)
def test_a_list_that_is_none_is_refused(plan, match: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(match=match)


def test_the_plan_of_the_compute_tells_matchings_apart(plan) -> None:
    both = plan(match=BOTH)
    found = compute_plan(both).set_index(["strategy", "criterion", "match"]).tflops_total
    reference = found["hierarchical", "attention", "share"]
    for strategy in ("hierarchical", "constant"):
        assert found[strategy, "norm", "tflops_total"] == pytest.approx(reference, rel=MATCH_TOLERANCE)
        share = compute_plan(plan()).set_index(["strategy", "criterion"]).tflops_total
        assert found[strategy, "norm", "share"] == share[strategy, "norm"]
    text = as_text(compute_plan(both), both.grid.unreachable)
    assert "share, tflops_total" in next(
        line for line in text.split("\n") if "hierarchical  attention" in line
    )
    assert "match" not in compute_plan(plan())
