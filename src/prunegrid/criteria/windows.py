"""VScan's rule before the decoder: half of the tokens from windows, half from anywhere (arXiv 2505.22654)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.highest import highest, unless_nan
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.vision_maps import VisionMap

# Centres of patches are whole halves of a patch but for rounding.
_ROUNDING = 1e-4


@dataclass(frozen=True, kw_only=True)
class Windows(Criterion):
    """floor(n/2) tokens from windows by a shallow tower layer's [CLS] attention, the others by a deep one's.

    Each tile is cut into `windows` x `windows` windows. First the best token of each window is taken, then
    the second best of each, and so on; of the last round, where it does not divide evenly, the highest ones.
    Where it does, and that is where the authors' code takes as many as it says, these are its tokens
    (github.com/Tencent/SelfEvolvingAgent, VScan, `llava_arch.py`). The paper then averages each dropped token
    into the most similar that stays: `merge: average`.

    Parameters
    ----------
    window_layer : int or float
        Shallow layer of the tower; a fraction is of its layers. The paper's is the sixth of 24.
    tower_layer : int or float
        Deep layer; the authors' code reads the penultimate.
    windows : int
        Windows of a tile in each direction: 4 are LLaVA-1.5's of 6 x 6 tokens.
    """

    cost: ClassVar[str | None] = "cls_row"
    needs_class_token: ClassVar[bool] = True

    window_layer: float = 0.25
    tower_layer: float = -2
    windows: int = 4

    def vision_maps(self) -> tuple[VisionMap, ...]:
        """Return the class token's attention in both layers, and where tokens are."""
        layers = dict.fromkeys((self.window_layer, self.tower_layer))
        return *(VisionMap("cls_attention", layer) for layer in layers), VisionMap("places", -1)

    def select(self, stage: Stage) -> Tensor:
        """Mark the tokens that stay, shape (batch, present tokens)."""
        shallow, deep = (stage.vision("cls_attention", at) for at in (self.window_layer, self.tower_layer))
        n_local = stage.n_keep // 2
        local = highest(-_turn(shallow, self._window(stage), stage.image), stage.image, n_local)
        marked = local | highest(deep, stage.image & ~local, stage.n_keep - n_local)
        return unless_nan(marked, shallow + deep, stage.image)

    def _window(self, stage: Stage) -> Tensor:
        """Return a number for each window, (batch, present tokens), int64; 0 where no patch stands behind."""
        places = stage.vision("places", -1)
        at = (places[..., 1:] * self.windows + _ROUNDING).floor().long()
        inside = at[..., 0] * self.windows + at[..., 1]
        return (places[..., 0] * self.windows**2).round().long() + inside


def _turn(scores: Tensor, window: Tensor, image: Tensor) -> Tensor:
    """Return when a token's turn is, by rank in its window, then by score: (batch, tokens), float64."""
    tokens = scores.shape[1]
    by_score = scores.masked_fill(~image, -torch.inf).argsort(dim=1, descending=True, stable=True)
    place = torch.arange(tokens, device=scores.device).expand_as(by_score)
    # Text would take the turns of a window.
    sorted_windows, by_window = window.masked_fill(~image, -1).gather(1, by_score).sort(dim=1, stable=True)
    first = torch.ones_like(image)
    first[:, 1:] = sorted_windows[:, 1:] != sorted_windows[:, :-1]
    rank = place - place.masked_fill(~first, 0).cummax(1).values
    turn = rank * tokens + by_window
    return torch.zeros_like(turn).scatter(1, by_score.gather(1, by_window), turn).double()
