"""Nothing of a batch outlives it: its keys and values would take the next batch's room."""

import pytest
import torch

from prunegrid.plugins import build
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.sharing_order import sharing_order
from tests.pruning import tiny
from tests.pruning.comparison import STRATEGY_OPTIONS
from tests.pruning.memory import live_bytes


def one_batch(prunings: list[Pruning], batch: dict[str, torch.Tensor], fails: bool = False) -> None:
    counts = (batch["input_ids"] == tiny.IMAGE_ID).sum(1).tolist()
    order = sharing_order([pruning.decisions(counts) for pruning in prunings])
    sharing = PrefixSharing(order)
    for prefill in order:
        pruning = prunings[prefill.cells[0]]
        sharing.begin(prefill)
        pruning.sample_ids = [str(row) for row in range(len(counts))]
        with pruning.hooked(sharing), torch.no_grad():
            try:
                pruning.model.generate(**batch, max_new_tokens=3, do_sample=False)
            except torch.OutOfMemoryError:
                assert fails


@pytest.mark.parametrize("fails", [False, True])
def test_no_tensor_of_a_batch_is_alive_after_it(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = tiny.tiny_llava(), tiny.collate(tiny.requests(4))
    prunings = [
        Pruning(
            model,
            build("strategies", strategy, STRATEGY_OPTIONS.get(strategy)),
            build("criteria", criterion),
            0.5,
            0,
        )
        for strategy, criterion in [
            ("hierarchical", "attention"),
            ("hierarchical", "norm"),
            ("uniform", "norm"),
        ]
    ]
    if fails:
        last = model.model.language_model.layers[-1].mlp

        def runs_out(*_: object) -> None:
            raise torch.OutOfMemoryError("stand-in")

        last.register_forward_pre_hook(runs_out)
    one_batch(prunings, batch, fails)
    before = live_bytes()
    for _ in range(2):
        one_batch(prunings, batch, fails)
    # A state of one layer and one prompt would be seen: 32 numbers a token.
    assert live_bytes() - before < 4 * 32
    del model
