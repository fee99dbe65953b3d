"""Speed of one cell: prefill, decoding, scoring and memory, pruned against unpruned.

Both run alternately in one process, on a random model of hidden size 512 with 24 layers, on 35 + 576 + 25
tokens, float32, two threads; figures are ratios of medians. `python perf/cell.py --rounds 15`
"""

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from prunegrid import prune

BEFORE, IMAGE, AFTER = 35, 576, 25
LAYERS, HIDDEN = 24, 512
IMAGE_ID = 1000
RATIO = 0.7083
SCHEDULE = {"layers": [2, 8]}
# Mean share of the 636 tokens that the layers compute on.
LIMIT = (2 * 636 + 6 * (60 + 288) + 16 * (60 + 72)) / (LAYERS * 636)


def build_model() -> LlavaForConditionalGeneration:
    """Return the random model."""
    torch.manual_seed(0)
    text = LlamaConfig(
        vocab_size=IMAGE_ID + 1,
        hidden_size=HIDDEN,
        intermediate_size=1376,
        num_hidden_layers=LAYERS,
        num_attention_heads=8,
        num_key_value_heads=8,
        initializer_range=0.1,
    )
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=48,
        patch_size=2,
    )
    config = LlavaConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        image_token_id=IMAGE_ID,
        image_seq_length=IMAGE,
    )
    model = LlavaForConditionalGeneration(config).eval()
    model.generation_config.update(eos_token_id=None, pad_token_id=0)
    return model


def build_inputs() -> dict:
    """Return one prompt with its image features, so that the vision tower is not measured."""
    generator = torch.Generator().manual_seed(1)
    before = torch.randint(1, IMAGE_ID, (BEFORE,), generator=generator)
    after = torch.randint(1, IMAGE_ID, (AFTER,), generator=generator)
    ids = torch.cat([before, torch.full((IMAGE,), IMAGE_ID), after])[None]
    features = torch.randn(IMAGE, HIDDEN, generator=generator) * 0.1
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_encoder_outputs": {"image": BaseModelOutputWithPooling(pooler_output=[features])},
    }


def alternate(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run every case once a round, and return the median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    orders = random.Random(0)
    for number in range(-2, rounds):
        # In another order each time, so that nobody always runs in the same one's wake.
        for name in orders.sample(list(runs), len(runs)):
            begun = time.perf_counter()
            runs[name]()
            if number >= 0:
                seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def pruned(model: LlavaForConditionalGeneration, run: Callable[[], object], criterion: str):
    """Return `run` within a prune context at the published schedule."""

    def inside() -> None:
        with prune(model, "hierarchical", criterion, RATIO, strategy_options=SCHEDULE):
            run()

    return inside


def peak_memory(case: str) -> float:
    """Return the MB by which a process of its own grows in one prefill."""
    command = [sys.executable, __file__, "--memory", case]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_memory(case: str) -> float:
    """Return the MB that one prefill adds to this process's peak, the warm-up's short prompt apart."""
    model, inputs = build_model(), build_inputs()
    run = pruned(model, lambda: model(**inputs, use_cache=True), "attention")
    if case == "unpruned":

        def run():
            return model(**inputs, use_cache=True)

    with torch.no_grad():
        model(input_ids=torch.ones(1, 8, dtype=torch.long))
        before = _peak()
        run()
    return (_peak() - before) / 1024


def _peak() -> int:
    """Return this process's peak in KB; `ru_maxrss` would begin with that of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--memory", choices=["pruned", "unpruned"], help="of one prefill, for this script alone"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    if arguments.memory:
        print(json.dumps(measure_memory(arguments.memory)))
        return
    model, inputs = build_model(), build_inputs()

    def prefill() -> object:
        return model(**inputs, use_cache=True, logits_to_keep=1)

    def generate(tokens: int) -> Callable[[], object]:
        return lambda: model.generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)

    criteria = ("attention", "attention_shallow", "attention_last", "norm", "random", "first")
    prefills = {"unpruned": prefill, **{name: pruned(model, prefill, name) for name in criteria}}
    found = alternate(prefills, arguments.rounds)
    print(f"limit by tokens per layer                {LIMIT:.4f}")
    for name in criteria:
        share = found[name] / found["unpruned"]
        scoring = (found[name] - found["first"]) / found["unpruned"]
        print(f"prefill, {name:18} / unpruned    {share:.4f}   scoring {scoring:+.2%}")
    for tokens in (8, 64):
        runs = {"unpruned": generate(tokens), "attention": pruned(model, generate(tokens), "attention")}
        seconds = alternate(runs, max(3, arguments.rounds // 2))
        print(
            f"generate {tokens:2} tokens / unpruned          {seconds['attention'] / seconds['unpruned']:.4f}"
        )
        if tokens == 8:
            alone = 1 - (found["unpruned"] - found["attention"]) / seconds["unpruned"]
            print(f"  if decoding took what it took          {alone:.4f}")
        if tokens == 64:
            after = {name: seconds[name] - found[name] for name in seconds}
            print(f"decoding alone, 63 tokens / unpruned   {after['attention'] / after['unpruned']:.4f}")
    memory = {case: peak_memory(case) for case in ("unpruned", "pruned")}
    sizes = f"{memory['pruned']:.0f} MB against {memory['unpruned']:.0f} MB"
    print(f"peak memory of a prefill               {sizes}")


if __name__ == "__main__":
    main()
