"""HoloV's rule: of each part of the image as many tokens as its attention is worth (arXiv 2510.02912)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.errors import ConfigError
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.highest import highest
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap

# Of the authors' code (github.com/obananas/HoloV).
_ATTENTION, _VARIANCE, _TINY = 1e3, 0.09, 1e-6


@dataclass(frozen=True, kw_only=True)
class Chunks(Criterion):
    """A quota for each of some chunks of successive tokens, and in a chunk the highest attention.

    Chunks are as even as whole numbers allow, the larger ones first. A is the class token's attention, mean
    of the heads, s_ij = cos(h_i, h_j) of two tokens of a chunk of size m, and s_ii = 0, where h enters layer
    l. With mu_i = sum_j s_ij / (m - 1) and v_i = sum_j (s_ij - mu_i)^2 / (m - 1), a token's score is
    1e3 A_i + 0.09 v_i x mean(1e3 A) / (mean(v) + 1e-6), means over the chunk; a chunk's is the mean of its
    tokens'. So v cancels, but for the 1e-6: a chunk's score is 1.09 times its mean attention, unless its
    tokens are nearly orthogonal. A chunk's quota is n times its share of the scores, rounded down, and what
    is missing is added to those of the largest shares, one each.

    Where a quota is more than the chunk holds, the highest attention among the tokens that are left stays;
    the authors' code fills up with zeros there. A chunk of one token has v = 0.

    Parameters
    ----------
    tower_layer : int
        Layer of the tower; HoloV's is the penultimate.
    chunks : int
        How many; 16 in the authors' runs of LLaVA.
    """

    cost: ClassVar[str | None] = "cls_row+chunk_cosines"
    needs_class_token: ClassVar[bool] = True

    tower_layer: int = -2
    chunks: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunks < 1:
            raise ConfigError(f"chunks: {self.chunks!r} is too few: give 1 or more")

    def cost_word(self, word: str) -> str:
        """Return a word of `cost`, with the number of chunks where it depends on it."""
        return f"{word}@{self.chunks}" if word == "chunk_cosines" else word

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the class token's attention."""
        return (VisionMap("cls_attention", self.tower_layer),)

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        image = Marked.of(stage.image, stage.most_marked(stage.image))
        attention = stage.vision("cls_attention", self.tower_layer).gather(1, image.index)
        place, valid = _chunks(image, self.chunks)
        size = valid.sum(2)
        in_chunk = _of_chunks(attention[..., None], place)[..., 0].masked_fill(~valid, 0.0)
        units = _of_chunks(image.units(stage.hidden), place) * valid[..., None]
        variance = _variance(units @ units.transpose(2, 3), valid)
        mean = _ATTENTION * in_chunk.double().sum(2) / size.clamp_min(1)
        spread = variance.double().sum(2) / size.clamp_min(1)
        score = mean + _VARIANCE * spread * mean / (spread + _TINY)
        is_nan = score.isnan().any(1)

        quota = _quotas(score.nan_to_num(), size > 0, stage.n_keep)
        order = in_chunk.masked_fill(~valid, -torch.inf).argsort(dim=2, descending=True, stable=True)
        rank = order.argsort(dim=2)
        stays = valid & (rank < quota[..., None])
        # Places of a chunk that hold no token go to a column of their own.
        target = place.masked_fill(~valid, image.valid.shape[1]).flatten(1)
        marked = torch.zeros_like(image.valid[:, :1]).repeat(1, image.valid.shape[1] + 1)
        marked = marked.scatter(1, target, stays.flatten(1))[:, :-1]
        marked = marked | highest(attention, image.valid & ~marked, stage.n_keep - marked.sum(1))
        return image.spread(marked & ~is_nan[:, None], stage.image.shape[1])


def _chunks(image: Marked, chunks: int) -> tuple[Tensor, Tensor]:
    """Return which place stands where in each chunk, and whether one does, (batch, chunks, tokens)."""
    places, device = image.valid.shape[1], image.valid.device
    n = image.valid.sum(1)[:, None]
    number = torch.arange(chunks, device=device)
    start = places - n + number * (n // chunks) + torch.minimum(number, n % chunks)
    size = n // chunks + (number < n % chunks)
    within = torch.arange(-(-places // chunks), device=device)
    return (start[..., None] + within).clamp_max(places - 1), within < size[..., None]


def _of_chunks(values: Tensor, place: Tensor) -> Tensor:
    """Return (batch, chunks, tokens, features) of (batch, places, features)."""
    index = place.flatten(1)[..., None].expand(-1, -1, values.shape[2])
    found: Tensor = values.gather(1, index).unflatten(1, place.shape[1:])
    return found


def _variance(cosines: Tensor, valid: Tensor) -> Tensor:
    """Return v, (batch, chunks, tokens)."""
    itself = torch.eye(cosines.shape[2], dtype=torch.bool, device=cosines.device)
    others = (valid.sum(2) - 1).clamp_min(1)[..., None]
    cosines = cosines.masked_fill(itself, 0.0)
    apart = cosines - (cosines.sum(3) / others)[..., None]
    both = valid[..., None] & valid[..., None, :]
    variance: Tensor = apart.masked_fill(~both, 0.0).square().sum(3) / others
    return variance


def _quotas(score: Tensor, is_chunk: Tensor, n: Tensor) -> Tensor:
    """Return how many tokens each chunk is to keep, (batch, chunks), int64."""
    share = score / (score.sum(1, keepdim=True) + _TINY)
    quota = (share * n[:, None]).floor().long()
    missing = (n - quota.sum(1)).minimum(is_chunk.sum(1))
    return quota + highest(share, is_chunk, missing).long()
