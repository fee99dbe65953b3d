"""FLOPs of choosing image tokens at a cut, and of merging those that are dropped. Imports no torch.

A criterion declares by words what it computes (`Criterion.cost`), several joined by "+". As everywhere in the
ledger, a multiply-accumulate counts 2; sorting and comparing are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prunegrid.cost.decoder import Decoder
from prunegrid.cost.tower_scores import TowerWidths
from prunegrid.pruning.recycling import recycled


@dataclass(frozen=True)
class SelectionCost:
    """The FLOPs of each word at one cut.

    Attributes
    ----------
    decoder : Decoder
        Shapes.
    present, keep : int
        Image tokens before and after the cut.
    n_text, n_after : int
        Text tokens of the prompt; those after the last image token.
    tower : TowerWidths
        Of the vision tower, where a word asks for them.
    """

    decoder: Decoder
    present: int
    keep: int
    n_text: int
    n_after: int
    tower: TowerWidths = field(default_factory=TowerWidths)

    def flops(self, word: str) -> int:
        """Return the FLOPs of a word; 0 for "gradient", which is of the whole prompt, and unknown ones."""
        present, hidden = self.present, self.decoder.hidden
        tokens, gone = present + self.n_text, present - self.keep
        pooled, clusters = recycled(present, self.keep)
        return {
            # Attention of rows of queries.
            "text_rows": self.decoder.scores(self.n_after, tokens),
            "image_rows": self.decoder.scores(present, tokens),
            "last_row": self.decoder.scores(1, tokens),
            # The same of the layer about to run, whose queries, keys and values are computed for it.
            "own_last_row": self.decoder.own_scores(1, tokens),
            # One query: the mean of the image tokens'.
            "mean_query": self.decoder.scores(1, tokens),
            # Norms: of hidden states; of keys or values.
            "hidden": 2 * present * hidden,
            "keys": 2 * present * self.decoder.key_heads * self.decoder.head_size,
            # Cosines of all pairs of image tokens; of image tokens with eight pivots.
            "cosines": 2 * present**2 * hidden,
            "pivots": 2 * 8 * present * hidden,
            # Products of image tokens with the text tokens after them, or with their mean.
            "text_products": 2 * present * self.n_after * hidden,
            "text_mean": 2 * present * hidden,
            # A Cholesky factor of as many rows as are selected.
            "determinant": self.keep * (self.keep - 1) * present,
            # Cosines of kept with all image tokens by their keys in the tower: heads joined, or their mean.
            "joined_keys": 2 * self.keep * present * self.tower.keys,
            "mean_keys": 2 * self.keep * present * self.tower.head,
            # Merging: weighted sums of all image tokens, for each that stays.
            "weighted": 2 * self.keep * present * hidden,
            # Of what the projector is given, and the projector of both, with and without.
            "weighted_inputs": 2 * self.keep * present * self.tower.projector
            + 4 * self.keep * (self.tower.projector * hidden + hidden**2),
            # Cosines of dropped with kept tokens, then sums of those that go together.
            "average": 4 * gone * self.keep * hidden,
            # Distances between pooled tokens (a difference, its square, a sum), then sums.
            "recycle": 3 * pooled**2 * hidden + 2 * pooled * clusters * hidden,
        }.get(word, 0)
