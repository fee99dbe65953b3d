"""Gradients of the unpruned answer, layer by layer: those of one graph, in 16 bit too, in little memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from prunegrid.plugins import load
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker, collate
from prunegrid.pruning import gradients
from tests.pruning import tiny
from tests.pruning.saliency import plain, saliency

HOME = Path(__file__).parents[2]


def batch() -> tuple[Any, dict[str, Tensor], list[Tensor]]:
    model, inputs = tiny.tiny_llava(), tiny.collate(tiny.requests(4)[:3])
    return model, inputs, [(row == tiny.IMAGE_ID).nonzero()[:, 0] for row in inputs["input_ids"]]


def test_layer_by_layer_is_the_whole_graph() -> None:
    model, inputs, columns = batch()
    whole = plain(model, inputs, columns)
    found = saliency(model, inputs, columns)[:, 1:]
    assert (found - whole).abs().max() <= 1e-5 * whole.abs().max()
    assert not any(
        parameter.grad is not None or not parameter.requires_grad for parameter in model.parameters()
    )


@pytest.mark.parametrize("answer_tokens", [1, 4])
def test_halves_of_the_batch_where_memory_runs_out(
    answer_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the layer's graph is made of fewer rows: the pass before it keeps the batch."""
    model, inputs, columns = batch()
    whole = saliency(model, inputs, columns, answer_tokens)
    grad, sizes = torch.autograd.grad, []

    def scarce(outputs: Tensor, entering: Tensor, *args: Any, **kwargs: Any) -> Any:
        if outputs.dim() == 3:
            sizes.append(len(outputs))
            if len(outputs) > 1:
                raise RuntimeError("CUDA error: out of memory")
        return grad(outputs, entering, *args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", scarce)
    found = saliency(model, inputs, columns, answer_tokens)
    # Alone, a row's products are summed in another order.
    assert (found - whole).abs().max() <= 1e-5 * whole.abs().max()
    assert sizes.count(1) == 3 * len(model.model.language_model.layers)


@cache
def demo_saliency(
    dtype: str, benchmark: str, adapter: str, answer_tokens: int, *, in_float32: bool = False, n: int = 32
) -> Tensor:
    """Return the demo model's scores, (samples, layers, image tokens).

    With `in_float32` its weights are rounded to `dtype`, and all else is computed in float32.
    """
    from prunegrid.demo.render_benchmark import render_benchmark

    file = HOME / f"resources/demo/{benchmark}.parquet"
    if not file.exists():
        render_benchmark(benchmark, file, seed=0)
    loaded = load_model(str(HOME / "demo/model"), {"dtype": dtype})
    if in_float32:
        loaded.model.float()
    samples = load("benchmarks", adapter)({"path": str(file), "limit": n}).samples()
    inputs = collate(PromptMaker(loaded).prompts(samples), loaded).inputs
    image = loaded.family.image_token_id(loaded.model.config)
    columns = [(row == image).nonzero()[:, 0] for row in inputs["input_ids"]]
    return saliency(loaded.model, inputs, columns, answer_tokens)[:, 1:]


@pytest.mark.parametrize(
    ("benchmark", "adapter", "tokens"), [("shapes-pope", "pope", 1), ("shapes-caption", "nocaps", 32)]
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_ranks_as_32(dtype: str, benchmark: str, adapter: str, tokens: int) -> None:
    """Of the top quarter 98 % are the same, over samples and layers, and no token scores 0.

    Both have weights of that dtype, as published ones are: bfloat16's rounding of the demo's float32
    weights alone changes 1.4 % of the top quarter.
    """
    whole = demo_saliency(dtype, benchmark, adapter, tokens, in_float32=True)
    found = demo_saliency(dtype, benchmark, adapter, tokens)
    assert (found > 0).all()
    quarter = whole.shape[-1] // 4
    top = [torch.zeros_like(one).scatter(-1, one.topk(quarter).indices, 1.0) for one in (whole, found)]
    overlap = float((top[0] * top[1]).sum() / top[0].sum())
    assert overlap >= 0.98


def test_without_scaling_float16_loses_the_small_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail."""
    monkeypatch.setattr(
        gradients, "_scaled", lambda gradient, peak: (gradient, torch.zeros(len(gradient), dtype=torch.int32))
    )
    monkeypatch.setattr(gradients, "_PEAK", 0)
    monkeypatch.setattr(
        torch,
        "frexp",
        lambda values: torch.return_types.frexp((values, torch.zeros_like(values, dtype=torch.int32))),
    )
    demo_saliency.cache_clear()
    found = demo_saliency("float16", "shapes-pope", "pope", 1)
    demo_saliency.cache_clear()
    assert float((found == 0).float().mean()) > 0.1


def test_a_gradient_that_overflows_is_tried_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs, columns = batch()
    whole = saliency(model, inputs, columns)
    scores, peaks = gradients._scores, []

    def overflowing(*args: Any) -> Tensor:
        peaks.append(args[-1])
        found = scores(*args)
        return found if args[-1] <= 0 else found * torch.inf

    monkeypatch.setattr(gradients, "_scores", overflowing)
    assert torch.equal(saliency(model, inputs, columns), whole)
    assert peaks == [8, 4, 0]


@contextmanager
def peak_bytes() -> Iterator[Callable[[], int]]:
    """Yield what returns, afterwards, the most bytes that were allocated at one time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        found: list[int] = []
        yield lambda: found[0]
    events = profiled.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    held = most = 0
    for _, change in changes:
        held += change
        most = max(most, held)
    found.append(most)


def test_a_gradient_takes_no_more_memory_than_two_prefills() -> None:
    torch.manual_seed(0)
    layers, hidden, n_image = 16, 256, 128
    text = LlamaConfig(
        vocab_size=100,
        hidden_size=hidden,
        intermediate_size=688,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
    )
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=4,
    )
    config = LlavaConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), image_token_id=99, vision_feature_layer=-1
    )
    model = LlavaForConditionalGeneration(config).eval()
    ids = torch.randint(3, 90, (4, n_image))
    ids[:, 5:69] = 99
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": torch.randn(4, 3, 32, 32),
    }
    columns = [torch.arange(5, 69)] * 4
    with torch.no_grad():
        with peak_bytes() as prefill:
            model(**inputs, use_cache=True, logits_to_keep=1)
        with peak_bytes() as gradient:
            saliency(model, inputs, columns)
    assert gradient() <= 2 * prefill()
