"""Parity with the published HiMAP code, on the numbers that it produced (design: golden/README.md).

The data lie beside the project, in ../shared/golden; without them these tests say so and are skipped.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from prunegrid import prune

GOLDEN = Path(__file__).parents[3] / "shared/golden"
IMAGE_ID = 1000
PREFILL, GENERATED = 1e-4, 2e-4

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden data at {GOLDEN}")


@pytest.fixture(scope="module")
def golden():
    return dict(np.load(GOLDEN / "golden.npz"))


@pytest.fixture(scope="module")
def model():
    settings = json.loads((GOLDEN / "config.json").read_text())
    settings = {k: v for k, v in settings.items() if k not in ("architectures", "torch_dtype")}
    text = LlamaConfig(**{**settings, "vocab_size": IMAGE_ID + 1})
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=24,
        patch_size=2,
    )
    config = LlavaConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        image_token_id=IMAGE_ID,
        image_seq_length=144,
    )
    model = LlavaForConditionalGeneration(config).eval()
    weights = load_file(GOLDEN / "model.safetensors")
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
    ids = np.concatenate([golden["ids_sys"], np.full((8, 144), IMAGE_ID), golden["ids_txt"]], axis=1)
    ids = torch.tensor(ids[rows]).long()
    features = [torch.tensor(part) for part in golden["image_features"][rows]]
    images = {"image": BaseModelOutputWithPooling(pooler_output=features)}
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_encoder_outputs": images}


def published(model):
    return prune(model, "hierarchical", "attention", ratio=0.671875, strategy_options={"layers": [2, 6]})


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("rows", [slice(0, 8), *(slice(i, i + 1) for i in range(8))], ids=str)
def test_kept_tokens_and_logits(model, golden, rows, implementation):
    model.set_attn_implementation(implementation)
    with published(model) as pruning, torch.no_grad():
        logits = model(**inputs(golden, rows)).logits[..., :IMAGE_ID]
    first, second = ([kept[stage][1] for kept in pruning.kept] for stage in (0, 1))
    np.testing.assert_array_equal(first, golden["kept1"][rows])
    np.testing.assert_array_equal(second, golden["kept2"][rows])
    np.testing.assert_allclose(logits, golden["logits_all"][rows], atol=PREFILL, rtol=0)


@pytest.mark.parametrize("rows", [slice(0, 8), slice(3, 4)], ids=str)
def test_cached_generation(model, golden, rows):
    model.set_attn_implementation("sdpa")
    with published(model), torch.no_grad():
        output = model.generate(
            **inputs(golden, rows),
            max_new_tokens=8,
            min_new_tokens=8,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
            pad_token_id=0,
        )
    np.testing.assert_array_equal(output.sequences[:, -8:], golden["frozen_tokens"][rows])
    logits = torch.stack(output.logits, 1)[..., :IMAGE_ID]
    np.testing.assert_allclose(logits, golden["frozen_logits"][rows], atol=GENERATED, rtol=0)


def test_cuts_in_neighbouring_layers(model, golden):
    model.set_attn_implementation("sdpa")
    options = {"layers": [3, 4], "keep": [50 / 144, 25 / 144]}
    with prune(model, "hierarchical", "attention", strategy_options=options) as pruning, torch.no_grad():
        logits = model(**inputs(golden, slice(0, 8))).logits[:, -1, :IMAGE_ID]
    np.testing.assert_array_equal([kept[0][1] for kept in pruning.kept], golden["k1eq3_k2eq4_kept1"])
    np.testing.assert_array_equal([kept[1][1] for kept in pruning.kept], golden["k1eq3_k2eq4_kept2"])
    np.testing.assert_allclose(logits, golden["k1eq3_k2eq4_logits_last"], atol=PREFILL, rtol=0)
