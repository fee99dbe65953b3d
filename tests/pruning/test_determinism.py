"""Backward passes ask for deterministic kernels, and leave no setting behind."""

import os

import pytest
import torch

from prunegrid.pruning import gradients
from prunegrid.pruning.determinism import CUBLAS, allow_determinism, deterministic


class Layer(torch.nn.Module):
    """Notes in which mode it runs, forwards and backwards."""

    def __init__(self):
        super().__init__()
        self.modes = []

    def forward(self, states):
        self.modes.append(self.mode())
        output = states * 2
        output.register_hook(lambda _: self.modes.append(self.mode()))
        return output

    def mode(self):
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )


def test_layers_are_differentiated_in_strict_mode():
    layer = Layer()
    gradients._through(layer, torch.ones(1, 2, 3), {}, torch.ones(1, 2, 3))
    assert layer.modes == [(True, False)] * 2
    assert layer.mode() == (False, False)


@pytest.mark.parametrize("before", [(False, False), (True, False), (True, True)])
def test_what_was_set_is_put_back_after_an_error_too(before):
    fills = torch.utils.deterministic.fill_uninitialized_memory
    try:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        with pytest.raises(RuntimeError, match="of a layer"), deterministic(torch.device("cpu")):
            raise RuntimeError("of a layer")
        assert Layer().mode() == before
        assert torch.utils.deterministic.fill_uninitialized_memory == fills
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_gpu_without_cublas_setting_is_left_as_it_is(monkeypatch):
    """PyTorch would refuse every matrix product there."""
    monkeypatch.delenv(CUBLAS, raising=False)
    with deterministic(torch.device("cuda")):
        assert Layer().mode() == (False, False)
    allow_determinism()
    with deterministic(torch.device("cuda")):
        assert Layer().mode() == (True, False)
    monkeypatch.setenv(CUBLAS, ":16:8")
    allow_determinism()
    assert os.environ[CUBLAS] == ":16:8"
