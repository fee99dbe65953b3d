"""VisPruner's rule: some tokens by attention, and what repeats least among the others (arXiv 2412.01818)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.errors import ConfigError
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap

# As many as one round drops, at most (github.com/Theia-4869/VisPruner).
_ROUND = 8


@dataclass(frozen=True, kw_only=True)
class Deduplication(Criterion):
    """floor(r n) tokens by the class token's attention; of the others, those that repeat least.

    The others stand in a list, the highest attention first. A round takes every second one of it, from the
    first on; of these it drops those whose largest cosine with one between them is highest, as many as are
    too many, at most eight and at most all. Those that are left, the largest cosine first, and then those
    between them are the next list. Rounds go on until n - floor(r n) are left. Cosines are of the outputs of
    the tower's layer; tokens without any, such as LLaVA-NeXT's ends of rows, count as the most similar. The
    authors' code cannot divide lists of odd length, and so needs even numbers.

    Parameters
    ----------
    tower_layer : int
        Layer of the tower; VisPruner's is the penultimate.
    important : float
        r, the share that attention selects, 0 to 1.
    """

    cost: ClassVar[str | None] = "cls_row+tower_cosines"
    needs_class_token: ClassVar[bool] = True

    tower_layer: int = -2
    important: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.important <= 1:
            raise ConfigError(f"important: {self.important!r} is no share: give a number from 0 to 1")

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the class token's attention and the features."""
        return VisionMap("cls_attention", self.tower_layer), VisionMap("features", self.tower_layer)

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        attention = stage.vision("cls_attention", self.tower_layer).gather(1, image.index)
        units = image.units(stage.vision("features", self.tower_layer))
        cosines = units @ units.transpose(1, 2)
        # Above any cosine.
        likeness = cosines.masked_fill((units == 0).all(2, keepdim=True), 2.0)
        is_nan = ((attention.isnan() | cosines.diagonal(dim1=1, dim2=2).isnan()) & image.valid).any(1)

        order = attention.masked_fill(~image.valid, -torch.inf).argsort(dim=1, descending=True, stable=True)
        # In float64, as Python multiplies.
        first = (stage.n_keep.double() * self.important).floor().long()
        place = torch.arange(order.shape[1], device=order.device)
        rest = order.gather(1, (place + first[:, None]) % order.shape[1])
        left, wanted = stage.image.sum(1) - first, stage.n_keep - first
        for longest in self._lengths(stage.present, stage.keep):
            rest, left = _round(rest[:, :longest], left, wanted, likeness)
        stays = torch.zeros_like(image.valid)
        stays = stays.scatter(1, order, place < first[:, None])
        others = torch.zeros_like(image.valid)
        others = others.scatter(1, rest, place[: rest.shape[1]] < wanted[:, None])
        return image.spread((stays | others) & ~is_nan[:, None], stage.image.shape[1])

    def _lengths(self, present: Sequence[int], keep: Sequence[int]) -> list[int]:
        """Return the longest list of the batch at each round, without asking the device."""
        lists = []
        for have, n in zip(present, keep, strict=True):
            first = int(n * self.important)
            lists.append((have - first, n - first))
        lengths = []
        while any(left > wanted > 0 for left, wanted in lists):
            lengths.append(max(left for left, _ in lists))
            lists = [(left - _dropped(left, wanted), wanted) for left, wanted in lists]
        return lengths


def _dropped(left: int, wanted: int) -> int:
    """Return how many tokens of a list a round drops; none where none of it are to stay."""
    return min(_ROUND, left - wanted, (left + 1) // 2) if wanted else 0


def _round(rest: Tensor, left: Tensor, wanted: Tensor, likeness: Tensor) -> tuple[Tensor, Tensor]:
    """Drop the most similar ones of every second token.

    Parameters
    ----------
    rest : Tensor
        (batch, places), int64: the lists, each of `left` tokens.
    left, wanted : Tensor
        (batch,), int64.
    likeness : Tensor
        (batch, tokens, tokens): of a token, by row, to others.

    Returns
    -------
    tuple of Tensor
        The next `rest` and `left`.
    """
    n_even = (left + 1) // 2
    dropped = torch.minimum((left - wanted).clamp_max(_ROUND), n_even) * (wanted > 0)
    even, odd = rest[:, ::2], rest[:, 1::2]
    at = torch.arange(even.shape[1], device=rest.device)
    is_even, is_odd = at < n_even[:, None], at[: odd.shape[1]] < (left // 2)[:, None]
    rows = likeness.gather(1, even[..., None].expand(-1, -1, likeness.shape[2]))
    between = rows.gather(2, odd[:, None].expand(-1, even.shape[1], -1))
    nearest = between.masked_fill(~is_odd[:, None], -torch.inf).amax(2).masked_fill(~is_even, -torch.inf)
    even = even.gather(1, nearest.argsort(dim=1, descending=True, stable=True))
    stays = torch.cat([is_even & (at >= dropped[:, None]), is_odd], 1)
    packed = (~stays).to(torch.uint8).argsort(dim=1, stable=True)
    return torch.cat([even, odd], 1).gather(1, packed), left - dropped
