"""What would move tokens within a sliding window is left out of the grid, where config.json tells."""

import json

import pytest

from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from tests.study.plans import HOME, SCHEMA, configuration

GEMMA3 = {
    "model_type": "gemma3",
    "mm_tokens_per_image": 16,
    "text_config": {"model_type": "gemma3_text", "num_hidden_layers": 8, "sliding_window": 16},
    "vision_config": {"model_type": "siglip_vision_model"},
}


def reasons(tmp_path, monkeypatch, config, **spec):
    """Return strategy -> why it is left out, of a study whose model has such a config.json."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    changes = {
        "model_specs": {"m": {"path": str(tmp_path), **spec}},
        "strategies": ["input", "single", "moved", "blind"],
        "strategy_specs": {
            "moved": {"type": "single", "options": {"positions": "contiguous"}},
            "blind": {"options": {"positions": "contiguous"}},
        },
        "methods": ["random_tokens", "pyramiddrop", "fastv"],
        "criteria": ["norm"],
        "ratios": [0.3],
    }
    grid = Plan(validate(configuration(**changes), SCHEMA), HOME).grid
    assert ("single", "norm") in {(cell.strategy, cell.criterion) for cell in grid.cells}
    return {one.strategy: one.reason for one in grid.unreachable}


def test_contiguous_positions_are_left_out_by_name(tmp_path, monkeypatch):
    found = reasons(tmp_path, monkeypatch, GEMMA3)
    assert found == {
        name: f"{name}: positions: contiguous would move tokens within the sliding window of 16 of gemma3, "
        "which counts original positions, and a picture has 16 image tokens: positions: original keeps them"
        for name in ("input", "moved", "blind", "random_tokens", "pyramiddrop")
    }


OTHER, QWEN = {"model_type": "llava_next"}, {"model_type": "qwen2_5_vl"}


def text(**changes):
    return {**GEMMA3, "text_config": {**GEMMA3["text_config"], **changes}}


@pytest.mark.parametrize(
    ("config", "spec"),
    [
        # Published models: Gemma 3's window is 512 or more, its pictures 256 tokens.
        pytest.param(text(sliding_window=17), {}, id="longer than the picture"),
        pytest.param(text(sliding_window=None), {}, id="none"),
        pytest.param(text(layer_types=["full_attention"] * 8), {}, id="no layer slides"),
        pytest.param(
            {**text(use_sliding_window=False), "model_type": "llava_onevision"},
            {"image_tokens": 99},
            id="off",
        ),
        pytest.param(
            {**GEMMA3, "model_type": "qwen2_5_vl"}, {"image_tokens": 99}, id="positions are the picture's"
        ),
        pytest.param(GEMMA3 | OTHER, {}, id="pictures differ"),
    ],
)
def test_what_is_allowed_or_not_known_is_left_in(tmp_path, monkeypatch, config, spec):
    found = reasons(tmp_path, monkeypatch, config, **spec)
    assert not any("sliding window" in reason for reason in found.values()), found


def test_the_study_may_tell_how_many_image_tokens_there_are(tmp_path, monkeypatch):
    found = reasons(tmp_path, monkeypatch, GEMMA3 | OTHER, image_tokens=2880)
    assert (
        "window of 16 of llava_next, which counts original positions, and a picture has 2880"
        in found["input"]
    )
