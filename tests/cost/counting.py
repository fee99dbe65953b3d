"""FLOPs of what really runs, as torch counts them."""

from contextlib import nullcontext

import torch
from torch.utils.flop_counter import FlopCounterMode


class NoModules(nullcontext):
    """Stands in for the counter's record of modules, which cannot follow `autograd.grad`."""

    parents = frozenset({"Global"})


def counted(run):
    """Return the FLOPs of a call."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = NoModules()
    with counter, torch.no_grad():
        run()
    return counter.get_total_flops()
