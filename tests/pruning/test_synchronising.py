"""A prefill asks the device for little: what it kept is copied once, after the last layer."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch

from prunegrid import prune
from prunegrid.plugins import describe, names
from tests.pruning import tiny
from tests.pruning.cases import first_cut_only
from tests.pruning.comparison import RATIO, STRATEGY_OPTIONS
from tests.pruning.synchronising import counted, prefill_waits

# A gradient runs the model a second time.
CRITERIA = [name for name in names("criteria") if not describe("criteria", name)["needs_answer"]]
# The prompt's counts, what is kept at each cut, and the numbers of the tokens that were.
OF_A_PREFILL = 3
# The number that the issue asks for, the model's own calls included.
MOST = 10


def batch() -> dict[str, torch.Tensor]:
    """Return five ragged rows, one of them without an image."""
    return tiny.collate(tiny.requests(5))


def pruned(model: torch.nn.Module, strategy: str, criterion: str) -> Callable:
    return lambda: prune(model, strategy, criterion, RATIO, strategy_options=STRATEGY_OPTIONS.get(strategy))


def test_a_hierarchical_prefill_waits_at_most_ten_times() -> None:
    model = tiny.tiny_llava()
    own = prefill_waits(model, batch(), nullcontext)
    assert not own.of_engine
    for criterion in CRITERIA:
        strategy = "single" if first_cut_only(criterion) else "hierarchical"
        waits = prefill_waits(model, batch(), pruned(model, strategy, criterion))
        assert len(waits.of_engine) <= OF_A_PREFILL, (criterion, waits.of_engine)
        assert len(waits.places) <= min(MOST, len(own.places) + OF_A_PREFILL), criterion


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if not first_cut_only(name)])
def test_more_cuts_wait_no_more_often(criterion: str) -> None:
    for n_layers in (4, 9):
        model = tiny.tiny_llava(n_layers=n_layers)
        waits = prefill_waits(model, batch(), pruned(model, "uniform", criterion))
        assert len(waits.of_engine) == OF_A_PREFILL, waits.of_engine


def test_a_gradient_is_asked_for_once_a_prefill() -> None:
    waits = []
    for n_layers in (4, 9):
        model = tiny.tiny_llava(n_layers=n_layers)
        waits.append(len(prefill_waits(model, batch(), pruned(model, "uniform", "gradient")).of_engine))
    assert waits[0] == waits[1]


def test_text_among_image_tokens_is_counted_on_the_device() -> None:
    """How much text is behind the last token then depends on which tokens are left."""
    model, rows = tiny.tiny_llava(), batch()
    whole = prefill_waits(model, rows, pruned(model, "uniform", "attention_shallow"))
    # One image token comes last of all but the question.
    swapped = rows["input_ids"].clone()
    place = int((swapped[1] == tiny.IMAGE_ID).nonzero()[-1])
    swapped[1, place], swapped[1, place + 1] = swapped[1, place + 1].clone(), tiny.IMAGE_ID
    among = prefill_waits(
        model, {**rows, "input_ids": swapped}, pruned(model, "uniform", "attention_shallow")
    )
    assert len(whole.of_engine) < len(among.of_engine)


WAITING = {
    "item": lambda ones: ones[0].item(),
    "float": lambda ones: float(ones[0]),
    "int": lambda ones: int(ones[0]),
    "bool": lambda ones: bool(ones.all()),
    "if": lambda ones: 1 if ones.any() else 0,
    "tolist": lambda ones: ones.tolist(),
    "cpu": lambda ones: ones.cpu(),
    "nonzero": lambda ones: ones.nonzero(),
    "a mask as an index": lambda ones: ones[ones > 0],
    "assignment by a mask": lambda ones: ones.__setitem__(ones > 0, ones.clone()),
    "where without values": lambda ones: torch.where(ones > 0),
    "equal": lambda ones: torch.equal(ones, ones),
    "masked_select": lambda ones: ones.masked_select(ones > 0),
    "unique": lambda ones: ones.unique(),
    "tensor": lambda ones: torch.tensor([1, 2], device=ones.device),
}


@pytest.mark.parametrize("name", WAITING)
def test_what_waits_is_counted(name: str) -> None:
    with counted() as waits:
        WAITING[name](torch.ones(3))
    assert len(waits.places) == 1
    assert waits.places[0][0] == __file__
    assert not waits.of_engine


def test_what_does_not_wait_is_not_counted() -> None:
    ones = torch.ones(2, 3)
    with counted() as waits:
        ones.sum(1).view(2, 1).expand(2, 3).gather(1, torch.arange(3).expand(2, 3))
        ones.masked_fill(ones > 0, 2.0)[0, torch.zeros(2, dtype=torch.long)]
    assert not waits.places
