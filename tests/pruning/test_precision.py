"""Low precision runs, scores are computed in float32, and no (heads, tokens, tokens) matrix is ever made."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from prunegrid import prune
from prunegrid.plugins import build, describe, names
from prunegrid.pruning import attention
from prunegrid.pruning.attention import Projected, attention_received
from tests.pruning.comparison import OF_TOWER
from tests.pruning.tiny import N_LAYERS, collate, requests, tiny_llava


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("criterion", names("criteria"))
def test_low_precision_runs(dtype, criterion, monkeypatch):
    rows = requests(3)
    model = tiny_llava().to(dtype)
    scored = []
    schedule = build("strategies", "single").solve(0.5, N_LAYERS)
    ((layer, _),) = schedule.cuts
    options = OF_TOWER if "tower_layer" in describe("criteria", criterion)["options"] else {}
    # A criterion may leave it to another one to score, or select.
    part = build("criteria", criterion, options).ranking(layer, schedule).criterion
    called = "select" if part.selects_sets else "score"
    found = getattr(type(part), called)

    def spy(self, stage):
        scored.append(found(self, stage))
        return scored[-1]

    monkeypatch.setattr(type(part), called, spy)
    inputs = collate(rows)
    inputs["pixel_values"] = inputs["pixel_values"].to(dtype)
    with prune(model, "single", criterion, 0.5, criterion_options=options) as pruning, torch.no_grad():
        output = model.generate(**inputs, max_new_tokens=2, return_dict_in_generate=True, output_logits=True)
    assert scored
    right = (torch.bool,) if called == "select" else (torch.float32, torch.int64)
    assert all(scores.dtype in right for scores in scored)
    assert torch.stack(output.logits).isfinite().all()
    sizes = [[len(numbers) for _, numbers in row] for row in pruning.kept]
    assert sizes == [[keep for _, keep in row] for row in pruning.schedule]


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor made."""

    most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.untyped_storage().nbytes():
            self.most = max(self.most, result.untyped_storage().nbytes() // result.element_size())
        return result


def projected(tokens, heads=8, size=8):
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, heads, tokens, size, generator=generator)
    return Projected(query, key, None, size**-0.5, None, torch.zeros_like(key))


def test_deep_attention_of_many_tokens_is_worked_through_in_chunks():
    tokens, heads = 2880, 8
    every = torch.ones(1, tokens, dtype=torch.bool)
    with LargestTensor() as largest:
        attention_received(projected(tokens, heads), every, every)
    assert largest.most <= attention._CHUNK < heads * tokens**2 / 3


def test_chunks_change_nothing(monkeypatch):
    every = torch.ones(1, 90, dtype=torch.bool)
    whole = attention_received(projected(90), every, every)
    monkeypatch.setattr(attention, "_CHUNK", 8 * 90 * 7)
    # Sums of 90 terms that are not negative, in another order.
    rtol = 90 * torch.finfo(torch.float32).eps
    torch.testing.assert_close(attention_received(projected(90), every, every), whole, atol=0, rtol=rtol)
