"""Bundles are cut so that neighbours share layers: as far as a plan tells, the engine agrees."""

from itertools import combinations

import pytest

from prunegrid import plugins
from prunegrid.axis_names import NO_CRITERION
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.sharing_order import sharing_order
from prunegrid.pruning.strategy import UNRANKED
from prunegrid.study.config import plugin_of, validate
from prunegrid.study.grid import Cell, criterion_of, needs_answer
from prunegrid.study.plan import Plan
from prunegrid.study.shared_layers import decisions, in_sharing_order
from tests.pruning import tiny
from tests.study.plans import HOME, SCHEMA, configuration

STUDY = {
    "model_specs": {"m": {"path": "somewhere", "layers": tiny.N_LAYERS, "image_tokens": tiny.N_IMAGE}},
    "strategies": ["hierarchical", "uniform", "single", "random", "exit", "blind"],
    "strategy_specs": {"hierarchical": {"options": {"layers": [1, 3]}}, "random": {"n_seeds": 4}},
    "criteria": ["attention", "shallow", "deep", "backwards", "mixed", "norm", "random", "gradient"],
    "criterion_specs": {
        "shallow": {"type": "attention_shallow"},
        "deep": {"type": "attention_deep"},
        "backwards": {"type": "attention", "options": {"reverse": True}},
        "mixed": {"type": "staged", "options": {"shallow": "norm", "deep": "attention_deep", "deep_from": 4}},
    },
    "ratios": [0.3, 0.5],
    "seeds": [0, 1],
    "bundle_size": 8,
}


def study(**changes: object) -> Plan:
    return Plan(validate(configuration(**{**STUDY, **changes}), SCHEMA), HOME)


def pruned(plan: Plan) -> list[Cell]:
    return [cell for cell in plan.grid.cells if cell.strategy != "none"]


def common(one: list, other: list) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))


def test_cells_share_the_layers_that_the_engine_shares() -> None:
    plan, model = study(), tiny.tiny_llava()
    planned, run = [], []
    for cell in pruned(plan):
        ratio = plan.share_ratio(cell)
        named = criterion_of(plan.config, cell.criterion) or (UNRANKED, {})
        strategy = plugins.build("strategies", *plugin_of(plan.config, "strategies", cell.strategy))
        pruning = Pruning(model, strategy, plugins.build("criteria", *named), ratio or None, cell.seed)
        run.append(pruning.decisions([tiny.N_IMAGE]))
        planned.append(decisions(plan.config, tiny.N_LAYERS, cell, ratio))
    assert len(run) > 60
    for one, other in combinations(range(len(run)), 2):
        assert common(planned[one], planned[other]) == common(run[one], run[other])


def test_the_baseline_comes_first_and_gradients_last() -> None:
    plan = study()
    order = [cell for bundle in plan.bundles("m").values() for cell in bundle]
    assert sorted(order, key=plan.grid.cells.index) == [*plan.grid.cells]
    assert (order[0].strategy, order[0].criterion) == ("none", NO_CRITERION)
    kinds = [needs_answer(plan.config, cell.criterion) for cell in order]
    assert kinds == sorted(kinds)
    assert any(kinds)


def layers_run(plan: Plan, bundles: list[list[Cell]]) -> int:
    """Return the prefill layers that bundles run on a batch."""
    n_layers = tiny.N_LAYERS
    orders = [
        sharing_order([decisions(plan.config, n_layers, cell, plan.share_ratio(cell)) for cell in cells])
        for cells in bundles
    ]
    return sum(n_layers - prefill.shared_before for order in orders for prefill in order)


def test_bundles_run_fewer_layers_than_those_cut_by_criterion() -> None:
    plan = study()
    bundles = [*plan.bundles("m").values()]
    names = ["none", *plan.config["criteria"]]
    sorted_cells = sorted(plan.grid.cells, key=lambda cell: names.index(cell.criterion))
    size = max(map(len, bundles))
    before = [sorted_cells[start : start + size] for start in range(0, len(sorted_cells), size)]
    assert len(before) == len(bundles)
    assert layers_run(plan, bundles) < 0.95 * layers_run(plan, before)


def test_the_order_follows_from_the_configuration_alone() -> None:
    one, other = study(), study()
    assert one.bundles("m") == other.bundles("m")
    cells = pruned(one)
    ratios = [cell.ratio for cell in cells]
    order = in_sharing_order(one.config, tiny.N_LAYERS, cells, ratios)
    assert order == in_sharing_order(one.config, tiny.N_LAYERS, cells, ratios)


def test_benchmarks_are_cut_alike() -> None:
    specs = {name: {"adapter": "pope", "path": "data.parquet"} for name in ("a", "b")}
    plan = study(benchmarks=["a", "b"], benchmark_specs=specs, bundle_size=9)
    cut: dict[str, list[tuple]] = {"a": [], "b": []}
    for bundle in plan.bundles("m").values():
        for cell in bundle:
            cut[cell.benchmark].append((cell.strategy, cell.criterion, cell.ratio, cell.seed))
    assert cut["a"] == cut["b"]


@pytest.mark.parametrize("added", [{"ratios": [0.3, 0.4, 0.5]}, {"criteria": [*STUDY["criteria"], "last"]}])
def test_cells_that_are_added_leave_the_order_of_the_others(added: dict) -> None:
    """So few jobs get other cells."""
    before, after = study(), study(**added)
    old = [cell for bundle in before.bundles("m").values() for cell in bundle]
    new = [cell for bundle in after.bundles("m").values() for cell in bundle]
    assert [cell for cell in new if cell in set(old)] == old
