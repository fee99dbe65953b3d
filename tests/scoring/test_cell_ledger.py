"""A cell's ledger is the mean of its samples' ledgers, each worked out by itself."""

import json
import random

import pandas as pd
import pytest

from prunegrid.scoring.cell_ledger import cell_compute
from tests.study.plans import HOME

CONFIG = json.loads((HOME / "demo/model/config.json").read_text())
LAYERS, N_IMAGE = CONFIG["text_config"]["num_hidden_layers"], 64


@pytest.mark.parametrize(
    "scored_by",
    [
        [[2, "attention_shallow", "text_rows"], [4, "attention_deep", "image_rows"]],
        [[2, "norm", "hidden"], [4, "norm", "hidden"]],
        [[2, "gradient", "gradient"], [4, "gradient", "gradient"]],
        [],
    ],
)
def test_a_cell_is_the_mean_of_its_samples(scored_by: list) -> None:
    draw = random.Random(0)
    # As pruned: all samples keep as many tokens, other ones each; few lengths of prompts and answers.
    depth = [LAYERS] * 16 + [4] * 16 + [2] * 32
    rows = [
        {
            "token_depth": draw.sample(depth, N_IMAGE),
            "n_image_tokens": N_IMAGE,
            "n_full_image_tokens": N_IMAGE,
            "n_text_tokens": draw.choice([20, 21, 24]),
            "n_text_after": draw.choice([11, 12]),
            "image_grids": draw.choice([[[1, 8, 8]], [[1, 16, 16]]]),
            "n_generated": draw.randint(1, 3),
            "n_explained": draw.randint(1, 2),
            "status": "error" if i % 9 == 0 else "ok",
        }
        for i in range(200)
    ]
    metadata = {
        "model": {"config": CONFIG},
        "cell": {"ratio": 0.5},
        "schedule": [[2, 32], [4, 16]],
        "n_layers": LAYERS,
        "scored_by": scored_by,
        "attn_implementation": "sdpa",
    }
    alone = [cell_compute(pd.DataFrame([row]), metadata) for row in rows if row["status"] == "ok"]
    assert cell_compute(pd.DataFrame(rows), metadata) == pd.DataFrame(alone).mean().to_dict()
    assert len({frozenset(one.items()) for one in alone}) > 12
