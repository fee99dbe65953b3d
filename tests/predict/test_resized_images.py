"""Smaller pictures: which grid of image tokens they become, who makes them, and what the ledger says."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from prunegrid import expected_compute, prune
from prunegrid.cost.ledger import TokenCounts, sample_compute
from prunegrid.errors import PruningError
from prunegrid.plugins import build
from prunegrid.predict.requests import CellRun
from prunegrid.predict.resized_images import resized, smaller_grid
from prunegrid.pruning.families import family_of, supported_models
from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from tests.pruning.tiny import tiny_llava
from tests.pruning.tiny_families import FAMILIES
from tests.study.plans import HOME, SCHEMA, configuration

OWN_SIZE = {"qwen2_vl", "qwen2_5_vl", "qwen3_vl"}


@pytest.mark.parametrize("share", [0.1, 0.25, 1 / 3, 0.5, 0.9, 1.0])
def test_a_smaller_grid_has_at_most_its_share(share):
    for rows in range(1, 13):
        for columns in range(1, 13):
            budget = share * rows * columns + 1e-9
            if budget < 1:
                with pytest.raises(PruningError, match=f"of {rows} x {columns} image tokens.*less than one"):
                    smaller_grid(rows, columns, share)
                continue
            high, wide = smaller_grid(rows, columns, share)
            assert 1 <= high <= rows
            assert 1 <= wide <= columns
            assert high * wide <= budget
            # As slow and plain as can be: of all grids those to which nothing can be added.
            fitting = {(r, c) for r in range(1, rows + 1) for c in range(1, columns + 1) if r * c <= budget}
            whole = [(r, c) for r, c in fitting if fitting.isdisjoint({(r + 1, c), (r, c + 1)})]
            assert (high, wide) in whole
            apart = {(r, c): abs(math.log(r * columns / (c * rows))) for r, c in whole}
            assert apart[high, wide] <= min(apart.values()) + 1e-12
            further = [*([wide] if high < rows else []), *([high] if wide < columns else [])]
            assert budget - high * wide < min(further, default=1)


def test_squares_stay_squares():
    assert [smaller_grid(24, 24, share) for share in (1.0, 0.25, 1 / 9)] == [(24, 24), (12, 12), (8, 8)]
    assert smaller_grid(12, 24, 0.25) == (6, 12)


def test_a_narrow_picture_gets_its_tokens():
    """7 x 1 would be nearer in shape, with 7 tokens of 13."""
    assert smaller_grid(11, 2, 0.6) == (6, 2)


def test_a_picture_is_resized_to_whole_tokens():
    rows = np.linspace(0, 255, 84).astype(np.uint8)
    picture = Image.fromarray(np.repeat(rows[:, None], 112, 1)).convert("RGB")
    found = resized(picture, 2, 3, 28)
    assert found.size == (84, 56)
    assert np.asarray(found)[:, 0, 0] == pytest.approx(np.linspace(0, 255, 56), abs=3)


def test_families_that_take_pictures_at_their_own_size_are_named():
    assert {name for name in supported_models() if family_of(name).own_size} == OWN_SIZE
    for name, tiny in FAMILIES.items():
        config = tiny.model().config.to_dict()
        if name in OWN_SIZE:
            assert family_of(name).token_side(config) == 8
        else:
            with pytest.raises(PruningError, match=f"{name}' brings every picture to sizes of its own"):
                family_of(name).token_side(config)


@pytest.mark.parametrize(("kind", "runs"), [("llava", False), ("qwen2_5_vl", True), (None, True)])
def test_the_plan_leaves_out_families_of_fixed_sizes(tmp_path, monkeypatch, kind, runs):
    """Of a model that is not on this machine the family is not known."""
    monkeypatch.chdir(tmp_path)
    if kind is not None:
        text = {"num_hidden_layers": 8}
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "text_config": text}))
    model = {"m": {"path": str(tmp_path), "layers": 8}}
    config = configuration(model_specs=model, strategies=["downsample", "exit"], strategy_specs={})
    grid = Plan(validate(config, SCHEMA), HOME).grid
    assert ("downsample" in {cell.strategy for cell in grid.cells}) == runs
    reasons = {one.reason for one in grid.unreachable if one.strategy == "downsample"}
    told = "downsample makes pictures smaller, and llava brings every picture to sizes of its own: "
    assert reasons == (set() if runs else {f"{told}it would be no fewer image tokens"})


def test_a_model_cannot_be_pruned_so():
    told = "'downsample' makes pictures smaller before the processor"
    with pytest.raises(PruningError, match=told), prune(tiny_llava(), "downsample", "norm", 0.5):
        pass


def test_a_cell_tells_its_share():
    axes = {"ratio": 0.75, "seed": 0}
    assert CellRun("k", "c", "l", axes, ("downsample", {}), None).image_share == 0.25
    assert CellRun("k", "c", "l", axes, ("exit", {}), None).image_share is None


def test_the_ledger_counts_the_smaller_picture():
    config = FAMILIES["qwen2_5_vl"].model().config.to_dict()
    whole, quarter = (
        expected_compute(config, name, None, ratio, image_tokens=144)
        for name, ratio in (("none", None), ("downsample", 0.75))
    )
    assert whole["tflops_vision"] > 3.9 * quarter["tflops_vision"] > 0
    assert whole["tflops_prefill"] > quarter["tflops_prefill"]
    assert quarter["tflops_scoring"] == 0
    assert (quarter["mean_image_tokens"], quarter["ratio_achieved"]) == (36, 0.75)
    # As of the rows of a cell, whose pictures have 6 x 6 tokens in place of 12 x 12.
    sample = TokenCounts(np.full(8, 36), 36, 65, 60, 1, 1, [(1, 12, 12)], 144)
    found = sample_compute(config, sample, [], pruned=False, eager=False)
    assert found == {name: pytest.approx(quarter[name]) for name in found}


def test_a_ratio_is_needed():
    with pytest.raises(PruningError, match="strategy 'downsample' needs a ratio"):
        build("strategies", "downsample").schedule_for(None, 8)
