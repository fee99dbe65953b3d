"""Inputs, weights and outputs of published FastV and PyramidDrop code (tests/fixtures/parity/README.md).

Two inputs come with the project. All sixteen, and the weights as a file, are used as well where a folder
shared/parity stands above the project, or where PRUNEGRID_PARITY says.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlavaForConditionalGeneration

from tests.pruning.golden import llava_of, text_config

OWN = Path(__file__).parents[1] / "fixtures/parity"
# The random weights, and the sum of their absolute values.
WEIGHTS_SEED, WEIGHTS_SUM = 101, 318046.0496
# Of the full data: the prompts, and the file of each run.
PROMPTS = "inputs144.npz"
RUNS = {
    "fastv": "fastv/mha_n144_K2_r0.5_hfcache.npz",
    "published": "pdrop/mha_n144_3-6-9_published.npz",
    "original_positions": "pdrop/mha_n144_3-6-9_original_positions.npz",
    "attention_before": "pdrop/mha_n144_3-6-9_attention_before.npz",
    "both": "pdrop/mha_n144_3-6-9_both.npz",
}


def full_data() -> list[Path]:
    """Return the folder of the full data, if there is one."""
    named = os.environ.get("PRUNEGRID_PARITY")
    places = [Path(named)] if named else [parent / "shared/parity" for parent in Path(__file__).parents]
    return [place for place in places if (place / PROMPTS).is_file()][:1]


# Folder -> its inputs.
DATA = {OWN: 2} | dict.fromkeys(full_data(), 16)


@cache
def run_of(folder: Path, run: str) -> dict[str, np.ndarray]:
    """Return the prompts, and what a run of published code made of them."""
    if folder == OWN:
        stored = dict(np.load(OWN / "parity.npz"))
        prompts = {key: value for key, value in stored.items() if "/" not in key}
        own = {key.partition("/")[2]: value for key, value in stored.items() if key.startswith(f"{run}/")}
        return prompts | own
    return dict(np.load(folder / PROMPTS)) | dict(np.load(folder / RUNS[run]))


def drawn_weights(config: LlamaConfig) -> dict[str, torch.Tensor]:
    """Draw the weights of these runs as they were drawn."""
    generator = torch.Generator().manual_seed(WEIGHTS_SEED)

    def normal(*shape: int, scale: float) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * scale

    def norm() -> torch.Tensor:
        return 1 + normal(config.hidden_size, scale=0.1)

    hidden, ffn, vocabulary = config.hidden_size, config.intermediate_size, config.vocab_size
    weights = {
        "model.embed_tokens.weight": normal(vocabulary, hidden, scale=1.0),
        "lm_head.weight": normal(vocabulary, hidden, scale=0.15),
        "model.norm.weight": norm(),
    }
    for layer in range(config.num_hidden_layers):
        parts = {f"self_attn.{name}_proj": normal(hidden, hidden, scale=0.16) for name in "qk"}
        parts |= {f"self_attn.{name}_proj": normal(hidden, hidden, scale=0.12) for name in "vo"}
        parts |= {f"mlp.{name}_proj": normal(ffn, hidden, scale=0.1) for name in ("gate", "up")}
        parts["mlp.down_proj"] = normal(hidden, ffn, scale=0.06)
        parts |= {name: norm() for name in ("input_layernorm", "post_attention_layernorm")}
        weights |= {f"model.layers.{layer}.{name}.weight": part for name, part in parts.items()}
    return weights


def parity_model() -> LlavaForConditionalGeneration:
    """Return these runs' decoder in a LLaVA."""
    config = text_config(OWN)
    weights = drawn_weights(config)
    total = sum(float(part.double().abs().sum()) for part in weights.values())
    if abs(total / WEIGHTS_SUM - 1) > 1e-7:
        raise RuntimeError("this torch draws other random numbers")
    return llava_of(config, weights)
