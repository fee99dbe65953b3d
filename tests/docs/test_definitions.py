"""docs/definitions.md lists what exists, and its figures are those that the code computes."""

import re
from dataclasses import fields

import pytest

from prunegrid import plugins
from prunegrid.cost.expected import expected_compute
from prunegrid.pruning.schedule import ROUNDINGS
from prunegrid.pruning.strategy import CONTIGUOUS, ORIGINAL, Strategy
from prunegrid.strategies.hierarchical import Hierarchical
from prunegrid.tables.options import TableOptions
from tests.docs.pages import HOME, codes, prose, section, tables

PAGE = "definitions.md"
CONFIGS = HOME / "tests/fixtures/hub_configs"
PUBLISHED = tables(section(PAGE, "Compute ledger"))[1]


@pytest.mark.parametrize(("heading", "kind"), [("Strategies", "strategies"), ("Criteria", "criteria")])
def test_the_tables_list_exactly_the_plug_ins(heading, kind):
    (rows,) = tables(section(PAGE, heading))
    assert sorted(codes(row[0])[0] for row in rows) == plugins.names(kind)


def test_strategies_take_the_options_that_are_named():
    (rows,) = tables(section(PAGE, "Strategies"))
    of_all = {field.name for field in fields(Strategy)}
    for name, schedule, *_ in rows:
        named = set(re.findall(r"(?:option|with) `(\w+)`", schedule))
        options = {field.name for field in fields(plugins.load("strategies", codes(name)[0]))}
        assert named == options - of_all, name


def test_options_of_every_strategy():
    part = prose(PAGE, "Strategies")
    assert {"positions", "rounding"} == {field.name for field in fields(Strategy)}
    assert f"`positions` is `{ORIGINAL}` (the default of all but `input`) or `{CONTIGUOUS}`" in part
    told = re.search(r"`rounding` is (.*?)\. ", part)[1]
    assert set(codes(told)) == set(ROUNDINGS)
    assert codes(told)[0] == Strategy.rounding
    for name in plugins.names("strategies"):
        expected = CONTIGUOUS if name == "input" else ORIGINAL
        assert plugins.build("strategies", name).positions == expected


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row[0])
def test_published_figures(row):
    size = re.search(r"1\.5-(\w+),", row[0])[1].lower()
    ratio = float(row[0].rpartition(" ")[2])
    config = CONFIGS / f"llava-1.5-{size}-hf.json"
    unpruned = expected_compute(config, "none", None, None)["tflops_published"]
    pruned = expected_compute(config, "hierarchical", "attention", ratio)
    assert pruned["schedule"] == [(2, 288), (8, 72)]
    found = [f"{unpruned:.3f}", f"{pruned['tflops_published']:.3f}"]
    assert [*found, f"{100 * pruned['tflops_published'] / unpruned:.1f} %"] == row[1:]


def test_the_published_setting_is_a_half_and_an_eighth():
    text = prose(PAGE, "Ratio")
    layers, first, second, ratio = re.search(
        r"L = (\d+), cuts before layers (\d+) and (\d+) and a ratio of ([\d.]+)", text
    ).groups()
    schedule = Hierarchical(layers=(int(first), int(second))).solve(float(ratio), int(layers))
    assert [layer for layer, _ in schedule.cuts] == [int(first), int(second)]
    assert [share for _, share in schedule.cuts] == pytest.approx([1 / 2, 1 / 8], abs=1e-9)
    assert "k = 1/2 and k^3 = 1/8" in text


def test_the_ledger_lists_all_that_is_computed():
    listed = [codes(row[0])[0] for row in tables(section(PAGE, "Compute ledger"))[0]]
    beside = re.search(r"Beside the ledger stand (.*?)The ledger is", prose(PAGE, "Compute ledger"))
    listed += codes(beside[1])
    found = expected_compute(CONFIGS / "llava-1.5-7b-hf.json", "none", None, None)
    assert sorted(listed) == sorted(set(found) - {"schedule", "image_tokens"})


def test_what_the_tables_compare_with():
    part, options = prose(PAGE, "Tables"), TableOptions()
    assert f"(`{options.reference_strategy}`) **with the same criterion**, at the same ratio" in part
    assert f"(`{options.reference_criterion}`) **with the same strategy**, at the same ratio" in part
    fixed = re.search(r"The blocks' criteria are `tables.fixed_criteria`: (.*?)\. ", part)[1]
    assert tuple(codes(fixed)) == options.fixed_criteria
    margins = f"{options.accuracy_margin:g} point of accuracy, {options.cider_margin:g} points of CIDEr"
    assert margins in part
