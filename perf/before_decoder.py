"""Cuts before the decoder: what choosing tokens costs, and how much of the FLOPs' speed-up a prefill gets.

Unpruned and pruned run alternately in one process, tower, projector and decoder, on a random LLaVA-1.5;
figures are ratios of medians. What choosing costs is the difference to `first`, which computes no score, as
a share of the unpruned prefill with its tower; entering the context is within each time. Without a GPU hidden
size is 512, float32, two threads; with one a 7B in bfloat16.
`python perf/before_decoder.py --rounds 15 --batch 1`
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from cell import alternate
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from prunegrid import prune
from prunegrid.cost.ledger import TokenCounts, sample_compute

IMAGE_ID, IMAGE, BEFORE, AFTER = 1000, 576, 35, 25
RATIO = 0.5
# Criterion -> its options: those that compute a score, and rules that choose a set one token after another.
SCORES = {"random": {}, "norm_input": {}, "cls_attention": {}, "tower_attention_received": {}}
SETS = {
    "deduplication": {},
    "visionzip": {"merge": "weighted"},
    "diversity": {},
    "conditional_dpp": {},
    "coverage": {},
    "salient_coverage": {},
}
ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"


def build_model() -> LlavaForConditionalGeneration:
    """Return a random model: decoder and tower of the 7B on a GPU, of a smaller one without."""
    hidden, inner, layers, heads = (4096, 11008, 32, 32) if ON_GPU else (512, 1376, 24, 8)
    tower = (1024, 4096, 24, 16) if ON_GPU else (128, 512, 24, 4)
    text = LlamaConfig(
        vocab_size=IMAGE_ID + 1,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
    )
    vision = CLIPVisionConfig(
        hidden_size=tower[0],
        intermediate_size=tower[1],
        num_hidden_layers=tower[2],
        num_attention_heads=tower[3],
        image_size=336,
        patch_size=14,
    )
    config = LlavaConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        image_token_id=IMAGE_ID,
        image_seq_length=IMAGE,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if ON_GPU else torch.float32)
    with torch.device(DEVICE):
        return LlavaForConditionalGeneration(config).eval()


def build_inputs(batch: int, dtype: torch.dtype) -> dict:
    """Return prompts of one length, each with its picture."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, IMAGE_ID, (batch, BEFORE + IMAGE + AFTER), generator=generator)
    ids[:, BEFORE : BEFORE + IMAGE] = IMAGE_ID
    pixels = torch.randn(batch, 3, 336, 336, generator=generator, dtype=torch.float32).to(DEVICE, dtype)
    ids = ids.to(DEVICE)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}


def flops(model: LlavaForConditionalGeneration, share: float) -> tuple[float, float]:
    """Return the FLOPs of prefill, and of tower and prefill, where this share of image tokens enters it."""
    config = model.config.to_dict()
    layers = config["text_config"]["num_hidden_layers"]
    present = np.full(layers, round(share * IMAGE))
    counts = TokenCounts(present, IMAGE, BEFORE + AFTER, AFTER, grids=[(1, 24, 24)])
    found = sample_compute(config, counts, [], pruned=share < 1, eager=False)
    return found["tflops_prefill"], found["tflops_vision"] + found["tflops_prefill"]


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    model = build_model()
    whole = build_inputs(arguments.batch, model.dtype)
    # As in `cell.py`: what the tower gives is there.
    seen = {name: value for name, value in whole.items() if name != "pixel_values"}
    features = list(model.get_image_features(pixel_values=whole["pixel_values"]).pooler_output)
    seen["mm_encoder_outputs"] = {"image": BaseModelOutputWithPooling(pooler_output=features)}

    def prefill(inputs: dict) -> None:
        model(**inputs, use_cache=True, logits_to_keep=1)
        if ON_GPU:
            torch.cuda.synchronize()

    def pruned(criterion: str, options: dict, inputs: dict) -> Callable[[], None]:
        def run() -> None:
            with prune(model, "input", criterion, RATIO, criterion_options=options):
                prefill(inputs)

        return run

    ways = {"first": {}, **SCORES, **SETS}
    found = alternate(
        {
            "decoder": partial(prefill, seen),
            "decoder, first": pruned("first", {}, seen),
            "unpruned": partial(prefill, whole),
            **{name: pruned(name, options, whole) for name, options in ways.items()},
        },
        arguments.rounds,
    )
    unpruned = found["unpruned"]
    print(f"{arguments.batch} prompts: {1e3 * unpruned:.1f} ms, of them {1e3 * found['decoder']:.1f} decoder")
    allowed = [all_of / left for all_of, left in zip(flops(model, 1.0), flops(model, RATIO), strict=True)]
    reached = [found["decoder"] / found["decoder, first"], unpruned / found["first"]]
    for what, most, got in zip(("decoder", "tower and decoder"), allowed, reached, strict=True):
        print(f"input x first, {what}: {got:.3f} times as fast, FLOPs allow {most:.3f}: {got / most:.1%}")
    for name in ways:
        costs = (found[name] - found["first"]) / unpruned
        print(f"input x {name:26} {unpruned / found[name]:.3f} times as fast, choosing {costs:+.2%}")


if __name__ == "__main__":
    main()
