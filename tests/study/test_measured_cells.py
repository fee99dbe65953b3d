"""Which cells are measured, and what measurements depend on."""

import pytest

from prunegrid.errors import ConfigError
from prunegrid.study.config import validate
from prunegrid.study.measured_cells import measured_cells
from tests.study.plans import SCHEMA, configuration, planned

NAMED = {"benchmark": "shapes-pope", "strategy": "hierarchical", "criterion": "attention"}


def names(plan, model="demo"):
    return [(cell.benchmark, cell.method, cell.ratio, cell.seed) for cell in measured_cells(plan, model)]


def plan_of(*cells, **changes):
    latency = {"cells": list(cells), **changes.pop("options", {})}
    return planned(latency=latency, strategies=["hierarchical", "random", "mismatched"], **changes)


def test_nothing_is_measured_that_is_not_named():
    assert validate(configuration(), SCHEMA)["latency"]["cells"] == []
    assert names(plan_of()) == []


def test_the_named_cells_and_their_unpruned_one_are_measured():
    rows = [("hierarchical x attention", ratio, 0) for ratio in (0.492, 0.694)]
    assert names(plan_of(NAMED)) == [("shapes-pope", *row) for row in [("none", 0.0, 0), *rows]]


def test_all_cells_that_draw_nothing_are_those_of_seed_0():
    plan = plan_of({"seed": 0})
    found = measured_cells(plan, "demo")
    assert found == [cell for cell in plan.grid.cells if cell.seed == 0 and cell.strategy != "mismatched"]


def test_entries_of_another_study_do_nothing():
    """The demo's stand in every configuration that goes over it."""
    assert names(plan_of({**NAMED, "model": "llava-1.5-7b"})) == []
    plan = planned(benchmarks=["easyvqa"], strategies=["uniform"])
    assert plan.config["latency"]["cells"]
    assert names(plan) == []


def test_the_demo_measures_a_few():
    assert 5 < len(names(planned())) < 12


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"strategy": "hierarchcal"},
            r"latency.cells\[0\].strategy: unknown name 'hierarchcal': .*'hierarchical'",
        ),
        ({"benchmark": ["pope", "pop"]}, r"latency.cells\[0\].benchmark: unknown name 'pop': .*'pope'"),
        ({"layer": 2}, "latency.cells.0: unknown key .layer."),
        ({}, "latency.cells.0"),
    ],
)
def test_a_misspelt_name_is_refused(entry, says):
    with pytest.raises(ConfigError, match=says):
        validate(configuration(latency={"cells": [entry]}), SCHEMA)


def key(plan):
    return plan.keys.latency_key(measured_cells(plan, "demo"))


def test_the_key_holds_what_is_measured_and_how():
    first = key(plan_of(NAMED))
    assert key(plan_of(NAMED)) == first
    others = [
        plan_of({**NAMED, "ratio": 0.492}),
        plan_of(NAMED, options={"samples": 7}),
        plan_of(NAMED, options={"batch_sizes": [1, 2]}),
        plan_of(NAMED, criterion_specs={"attention": {"options": {"reverse": True}}}),
        plan_of(NAMED, model_specs={"demo": {"path": "demo/model", "dtype": "bfloat16"}}),
    ]
    assert len({first, *map(key, others)}) == len(others) + 1


def test_how_predictions_are_made_does_not_enter_it_nor_it_their_keys():
    changed = plan_of(NAMED, batch_size=3, shard_size=7, bundle_size=2)
    assert key(changed) == key(plan_of(NAMED))
    with_it, without = plan_of(NAMED, options={"samples": 9}), plan_of()
    cells = without.grid.cells
    assert list(map(with_it.keys.score_key, cells)) == list(map(without.keys.score_key, cells))
