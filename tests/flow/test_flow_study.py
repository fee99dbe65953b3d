"""Whose flows a study measures, what is refused before a run, and what makes them be measured again."""

import pytest

from prunegrid.errors import ConfigError
from prunegrid.study.config import validate
from prunegrid.study.flow_benchmarks import flow_benchmarks, left_out, nothing_to_measure
from tests.study.plans import HOME, SCHEMA, configuration, planned

SHORT = ["easyvqa", "shapes-pope", "shapes-mcq"]


@pytest.mark.parametrize(
    ("flow", "found"),
    [
        ({}, {}),
        ({"benchmarks": True}, {"demo": SHORT}),
        # Long answers are asked for by name alone; the order is the study's.
        ({"benchmarks": ["shapes-caption", "easyvqa"]}, {"demo": ["easyvqa", "shapes-caption"]}),
        ({"benchmarks": []}, {}),
        ({"benchmarks": True, "models": ["demo"]}, {"demo": SHORT}),
    ],
)
def test_short_answers_or_those_that_are_named(flow, found):
    assert flow_benchmarks(planned(flow=flow)) == found


def test_benchmarks_that_true_leaves_out_are_named_with_their_tokens():
    plan = planned(flow={"benchmarks": True})
    assert left_out(plan) == (
        "flow.benchmarks: true takes benchmarks whose answers have at most 16 tokens (max_new_tokens), and "
        "leaves out shapes-list (24), shapes-caption (32); a list takes them too: "
        "`--config 'flow={benchmarks: [easyvqa, shapes-pope, shapes-mcq, shapes-list, shapes-caption]}'`"
    )
    assert left_out(planned(flow={"benchmarks": ["easyvqa"]})) == left_out(planned()) == ""


def test_what_would_give_the_target_something_to_measure_is_not_what_was_typed():
    told = nothing_to_measure(planned(flow={"benchmarks": True}, benchmarks=["shapes-caption"]))
    assert told.startswith(
        "there is nothing to measure: flow.benchmarks: true takes benchmarks whose answers"
    )
    assert "leaves out shapes-caption (32)" in told
    assert told.endswith("`--config 'flow={benchmarks: [shapes-caption]}'`")
    told = nothing_to_measure(planned())
    assert told.endswith("such as `--config 'flow={benchmarks: [easyvqa, shapes-pope, shapes-mcq]}'`")


def test_the_overlay_of_the_horizon_measures_them():
    assert flow_benchmarks(planned(HOME / "config/horizon.yaml")) == {"demo": SHORT}


@pytest.mark.parametrize(
    ("flow", "says"),
    [
        ({"benchmarks": ["c"]}, "flow.benchmarks: 'c' is not in benchmarks"),
        ({"models": ["n"]}, "flow.models: 'n' is not in models"),
        ({"window": 2.5}, "flow.window: 2.5 is no whole number of layers, nor a share below 1"),
        ({"stride": 0}, "flow.stride"),
        ({"limit": 0}, "flow.limit"),
        ({"windows": 2}, "unknown key 'windows'"),
    ],
)
def test_what_cannot_be_meant_is_refused(flow, says):
    with pytest.raises(ConfigError, match=says):
        validate(configuration(flow=flow), SCHEMA)


def test_the_key_holds_what_answers_depend_on_and_nothing_else():
    def key(benchmark="easyvqa", flow=None, **changes):
        return planned(flow=flow or {}, **changes).keys.flow_key("demo", benchmark)

    first = key()
    assert key(batch_size=3, flow={"margin": 2, "benchmarks": True}, tables={"replicates": 300}) == first
    others = [
        key("shapes-pope"),
        key(flow={"limit": 7}),
        key(flow={"window": 2}),
        key(flow={"stride": 2}),
        key(model_specs={"demo": {"path": "demo/model", "dtype": "bfloat16"}}),
    ]
    assert len({first, *others}) == len(others) + 1


def test_keys_of_cells_do_not_hold_it():
    with_it, without = planned(flow={"benchmarks": True, "limit": 9}), planned()
    cell = without.grid.cells[0]
    assert with_it.keys.score_key(cell) == without.keys.score_key(cell)
