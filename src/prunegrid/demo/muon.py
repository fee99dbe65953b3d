"""Muon (Keller Jordan, 2024) in float32 and batched: torch's own works in bfloat16, slow on a CPU."""

from collections.abc import Iterable

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised and scaled to the root mean square of AdamW's."""

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure: the loss is known before
        """Update all matrices, those of one shape together."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[torch.Tensor, torch.Tensor]]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape.setdefault(matrix.shape, []).append((matrix, matrix.grad))
            for shape, pairs in by_shape.items():
                wanted = [self._momentum(matrix, gradient, group["momentum"]) for matrix, gradient in pairs]
                updates = orthogonalise(torch.stack(wanted)) * (0.2 * max(shape) ** 0.5)
                for (matrix, _), update in zip(pairs, updates, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(update, alpha=-group["lr"])

    def _momentum(self, matrix: torch.Tensor, gradient: torch.Tensor, momentum: float) -> torch.Tensor:
        state = self.state[matrix]
        if not state:
            state["buffer"] = torch.zeros_like(matrix)
        buffer: torch.Tensor = state["buffer"]
        buffer.lerp_(gradient, 1 - momentum)
        return gradient.lerp(buffer, momentum)


def orthogonalise(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Bring the singular values of (batch, rows, columns) near 1 by Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    wide = matrices.mT if matrices.shape[1] > matrices.shape[2] else matrices
    x: torch.Tensor = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if matrices.shape[1] > matrices.shape[2] else x
