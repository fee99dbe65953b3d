"""Inputs, weights and outputs of the published HiMAP code (tests/fixtures/golden/README.md).

Two inputs come with the project. The full eight, and the weights as a file, are used as well where a
folder shared/golden stands above the project, or where PRUNEGRID_GOLDEN says.
"""

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from prunegrid import prune

OWN = Path(__file__).parents[1] / "fixtures/golden"
IMAGE_ID = 1000
# The random weights, and the sum of their absolute values.
WEIGHTS_SEED, WEIGHTS_SUM = 1235, 255961.488


def full_data() -> list[Path]:
    """Return the folder of the full golden data, if there is one."""
    named = os.environ.get("PRUNEGRID_GOLDEN")
    places = [Path(named)] if named else [parent / "shared/golden" for parent in Path(__file__).parents]
    return [place for place in places if (place / "golden.npz").is_file()][:1]


# Folder -> its inputs.
DATA = {OWN: 2} | dict.fromkeys(full_data(), 8)


@cache
def golden_of(folder: Path) -> dict[str, np.ndarray]:
    return dict(np.load(folder / "golden.npz"))


def drawn_weights(config: LlamaConfig) -> dict[str, torch.Tensor]:
    """Draw the published run's weights as it drew them."""
    generator = torch.Generator().manual_seed(WEIGHTS_SEED)

    def normal(*shape: int, wide: int = 1) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * config.initializer_range * wide

    def norm() -> torch.Tensor:
        return 1 + 0.1 * torch.randn(config.hidden_size, generator=generator)

    hidden, ffn, vocabulary = config.hidden_size, config.intermediate_size, config.vocab_size
    weights = {"model.embed_tokens.weight": normal(vocabulary, hidden)}
    for layer in range(config.num_hidden_layers):
        parts = {f"self_attn.{name}_proj": normal(hidden, hidden, wide=2) for name in "qk"}
        parts |= {f"self_attn.{name}_proj": normal(hidden, hidden) for name in "vo"}
        parts |= {f"mlp.{name}_proj": normal(ffn, hidden) for name in ("gate", "up")}
        parts["mlp.down_proj"] = normal(hidden, ffn)
        parts |= {name: norm() for name in ("input_layernorm", "post_attention_layernorm")}
        weights |= {f"model.layers.{layer}.{name}.weight": part for name, part in parts.items()}
    return weights | {"model.norm.weight": norm(), "lm_head.weight": normal(vocabulary, hidden)}


def text_config(folder: Path = OWN) -> LlamaConfig:
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return LlamaConfig(**{k: v for k, v in settings.items() if k not in ("architectures", "torch_dtype")})


def golden_model() -> LlavaForConditionalGeneration:
    """Return the published run's decoder in a LLaVA."""
    config = text_config()
    weights = drawn_weights(config)
    total = sum(float(part.double().abs().sum()) for part in weights.values())
    if abs(total / WEIGHTS_SUM - 1) > 1e-7:
        raise RuntimeError("this torch draws other random numbers")
    return llava_of(config, weights)


def llava_of(config: LlamaConfig, weights: dict[str, torch.Tensor]) -> LlavaForConditionalGeneration:
    """Return a LLaVA with the weights of a `LlamaForCausalLM`, whose ids end at the image's."""
    config.vocab_size = IMAGE_ID + 1
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=24,
        patch_size=2,
    )
    config = LlavaConfig(
        text_config=config.to_dict(),
        vision_config=vision.to_dict(),
        image_token_id=IMAGE_ID,
        image_seq_length=144,
    )
    model = LlavaForConditionalGeneration(config).eval()
    decoder = {k.removeprefix("model."): v for k, v in weights.items() if k.startswith("model.")}
    with torch.no_grad():
        model.model.language_model.embed_tokens.weight[:IMAGE_ID] = decoder.pop("embed_tokens.weight")
        model.lm_head.weight[:IMAGE_ID] = weights["lm_head.weight"]
        model.lm_head.weight[IMAGE_ID:] = 0
    missing, unexpected = model.model.language_model.load_state_dict(decoder, strict=False)
    assert (missing, unexpected) == (["embed_tokens.weight"], [])
    return model


def inputs(golden, rows):
    """Return the golden prompts; their image features stand in for the projector's output."""
    image = np.full(golden["image_features"].shape[:2], IMAGE_ID)
    ids = np.concatenate([golden["ids_sys"], image, golden["ids_txt"]], axis=1)
    ids = torch.tensor(ids[rows]).long()
    features = [torch.tensor(part) for part in golden["image_features"][rows]]
    images = {"image": BaseModelOutputWithPooling(pooler_output=features)}
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_encoder_outputs": images}


def published(model):
    return prune(model, "hierarchical", "attention", ratio=0.671875, strategy_options={"layers": [2, 6]})
