"""The ledger of a cell against `FlopCounterMode` on what `predict_prompts` really runs."""

from pathlib import Path

import pandas as pd
import pytest
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

from prunegrid import plugins
from prunegrid.cost.ledger import TERA
from prunegrid.cost.vision import vision_flops
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.loading import load_model
from prunegrid.predict.prediction_rows import error_row
from prunegrid.predict.prompts import Prompt, PromptMaker
from prunegrid.predict.requests import CellRun
from prunegrid.results.predictions import read, write_rows
from prunegrid.scoring.cell_ledger import cell_compute
from tests.cost.counting import counted
from tests.predict.runs import make_samples

MODEL = Path(__file__).parents[2] / "demo/model"


@pytest.fixture(scope="module")
def loaded():
    # The counter does not know the fused attention of a CPU; eager attention does the same products.
    return load_model(str(MODEL), {"attn_implementation": "eager"})


@pytest.mark.parametrize(
    ("strategy", "criterion", "free_text"),
    [
        ("none", None, False),
        ("hierarchical", "attention", False),
        ("uniform", "norm", True),
        ("single", "gradient", False),
        ("single", "gradient", True),
        ("constant", "gradient_other", True),
        ("exit", None, True),
        ("input", "attention_own", True),
    ],
)
def test_a_cells_ledger_is_what_it_ran(loaded, strategy, criterion, free_text):
    name = "nocaps" if free_text else "vqa"
    adapter = plugins.load("benchmarks", name)({"adapter": name, "path": "unread.parquet"})
    prompts = PromptMaker(loaded).prompts(make_samples(1))
    options = {"hierarchical": {"layers": [1, 3]}, "single": {"layer": 2}}.get(strategy, {})
    ratio = 0.0 if strategy == "none" else 0.5
    axes, ranking = {"ratio": ratio, "seed": 0}, (criterion, {}) if criterion else None
    cell = CellRun("key", "code", "", axes, (strategy, options), ranking)
    found = []
    flops = counted(
        lambda: found.extend(
            predict_prompts(loaded, adapter, prompts, [cell], batch_size=1, max_new_tokens=6)
        )
    )
    (((row,), _),) = found
    assert row["status"] == "ok"
    assert row["n_explained"] == 0 if "gradient" not in str(criterion) else row["n_explained"] >= 1
    schedule = plugins.build("strategies", strategy, options).solve(ratio or None, 8, n_tokens=64)
    metadata = {
        "model": {"config": loaded.model.config.to_dict()},
        "cell": cell.axes,
        "criterion": cell.criterion,
        "schedule": schedule.cuts,
        "n_layers": 8,
        "scored_by": plugins.build("criteria", criterion).scored_by(schedule) if criterion else [],
        "attn_implementation": "eager",
    }
    ledger = cell_compute(pd.DataFrame([row]), metadata)
    hidden = loaded.model.config.text_config.hidden_size
    norms = sum(2 * hidden * n for n in schedule.tokens_per_layer(64)[:-1]) if criterion == "norm" else 0
    ran = ledger["tflops_total"] - ledger["tflops_vision"] - norms / TERA
    assert flops == pytest.approx(ran * TERA, rel=0.01)


def test_a_tower_of_real_size_does_not_overflow_what_a_file_holds(tmp_path):
    """CLIP-L of LLaVA-1.5 takes 0.38 TFLOP an image; files hold 32-bit integers."""
    text = LlamaConfig(num_hidden_layers=2)
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
    )
    config = LlavaConfig(text_config=text.to_dict(), vision_config=vision.to_dict()).to_dict()
    row = {
        **error_row(Prompt(make_samples(1)[0])),
        "status": "ok",
        "n_image_tokens": 576,
        "n_full_image_tokens": 576,
        "n_text_tokens": 60,
        "n_text_after": 25,
        "n_generated": 1,
        "token_depth": [2] * 576,
        "image_grids": [[1, 24, 24]],
    }
    metadata = {
        "model": {"config": config},
        "cell": {"ratio": 0.0},
        "criterion": None,
        "schedule": [],
        "n_layers": 2,
        "scored_by": [],
        "attn_implementation": "sdpa",
    }
    write_rows(tmp_path / "cell.parquet", [row], metadata)
    found = cell_compute(*read(tmp_path / "cell.parquet"))
    assert found["tflops_vision"] == pytest.approx(vision_flops(config, [(1, 24, 24)]) / TERA)
    assert found["tflops_vision"] > 0.3
