"""Train a module for one phase: optimizer steps, learning-rate schedule, progress lines and checkpoints."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

_LOG = logging.getLogger(__name__)
Losses = dict[str, float]
SAVE_SECONDS = 120.0
LOG_SECONDS = 20.0
CLIP_NORM = 1.0


@dataclass(frozen=True)
class Run:
    """A training run: its seed, and the folder of its checkpoints."""

    seed: int
    folder: Path


@dataclass(frozen=True)
class Phase:
    """A named phase of `steps` optimizer steps, with a linear warm-up and a cosine decay."""

    name: str
    steps: int
    warmup: int = 100
    final_share: float = 0.02

    def share(self, step: int) -> float:
        """Return the share of the peak learning rate at a step."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.final_share + (1 - self.final_share) * 0.5 * (1 + math.cos(math.pi * progress))


def run_phase(
    phase: Phase,
    module: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    loss_of: Callable[[int], tuple[torch.Tensor, Losses]],
    run: Run,
) -> None:
    """Train `module` in place until the phase's last step, going on from its checkpoint if there is one.

    `loss_of(step)` draws the batch of that step and returns the loss and the figures to print, so that a
    resumed run sees the batches of an unbroken one.
    """
    path = run.folder / f"{phase.name}.safetensors"
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    first, seconds = _load(path, module, optimizers) if path.exists() else (0, 0.0)
    begun, saved, logged = time.monotonic() - seconds, time.monotonic(), time.monotonic()
    module.train()
    for step in range(first, phase.steps):
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * phase.share(step)
        loss, figures = loss_of(step)
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), CLIP_NORM)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        now = time.monotonic()
        if now - logged > LOG_SECONDS or step + 1 == phase.steps:
            shown = " ".join(f"{name}={value:.3f}" for name, value in figures.items())
            _LOG.info(f"{phase.name} {step + 1}/{phase.steps} {now - begun:.0f}s {shown}")
            logged = now
        if now - saved > SAVE_SECONDS or step + 1 == phase.steps:
            _save(path, module, optimizers, step + 1, now - begun)
            saved = now
    module.eval()


def phase_seconds(folder: Path, name: str) -> float:
    """Return the wall time that a phase has taken so far, in seconds."""
    with safe_open(folder / f"{name}.safetensors", "pt") as file:
        return float(file.metadata()["seconds"])


def _save(
    path: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], step: int, seconds: float
) -> None:
    tensors = {f"module.{name}": value.clone() for name, value in module.state_dict().items()}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimizer.{number}.{index}.{name}"] = torch.as_tensor(value).clone()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata={"step": str(step), "seconds": f"{seconds:.1f}"})
    temporary.replace(path)


def _load(path: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> tuple[int, float]:
    tensors = load_file(path)
    weights = {name.removeprefix("module."): t for name, t in tensors.items() if name.startswith("module.")}
    module.load_state_dict(weights)
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{number}."):
                _, _, index, key = name.split(".")
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    return int(metadata["step"]), float(metadata["seconds"])
