"""What pruning changed, of every cell and row of a benchmark: answers, right and wrong, certainty, strata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from prunegrid.statistics.paired import by_stratum, turns
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.tables.aligned_scores import AlignedScores, CellScores, same_answers
from prunegrid.tables.cells import RowKey, ScoredCell
from prunegrid.tables.changed_answers import TURNED, ChangedAnswers, Pair, Pairs
from prunegrid.tables.difference import resampled_means
from prunegrid.tables.rates import Mean, means

STRATA = ("answerable_blind", "needs_image")
# Shares, which have score intervals.
_SHARES = ("agreement", *TURNED, *STRATA)
# What strategy.csv and criterion.csv have beside `agreement`.
COLUMNS = (*TURNED, *STRATA, *(f"n_{name}" for name in STRATA))
_WITH_LIMITS = {name: (name, f"{name}_low", f"{name}_high") for name in (*_SHARES, "brier_to_none")}
# Of a cell, in cells.csv, which has its Brier score and calibration error among the metrics.
CELL_COLUMNS = (
    *("n_compared", *_WITH_LIMITS["agreement"]),
    *(column for name in TURNED for column in (*_WITH_LIMITS[name], f"n_{name}")),
    *(*_WITH_LIMITS["brier_to_none"], "ece_to_none"),
    *(column for name in STRATA for column in (*_WITH_LIMITS[name], f"n_{name}")),
)
# Of a row, in changes.csv.
ROW_COLUMNS = (
    *("n_compared", *_WITH_LIMITS["agreement"]),
    *(column for name in TURNED for column in _WITH_LIMITS[name]),
    *("brier", *_WITH_LIMITS["brier_to_none"], "ece", "ece_to_none"),
    *(column for name in STRATA for column in (*_WITH_LIMITS[name], f"n_{name}")),
)
# Columns of the table that LaTeX has no room for.
NET, CALIBRATION = "net, points", "ECE"
# Columns that are resampled at a time.
_AT_ONCE = 100


@dataclass
class RowChanges:
    """What pruning changed in a row of the tables.

    Attributes
    ----------
    numbers : dict
        Those of `CELL_COLUMNS`, `brier` and `ece` for which there is something to compare with: means over
        seeds for each sample, then over samples; of `ece` and `ece_to_none` over seeds. Counts of flips are
        those of one seed.
    most : dict
        Direction -> the most frequent pair of answers, all seeds together.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    most: dict[str, Pair] = field(default_factory=dict)


class Changes:
    """Compares cells of a benchmark with the unpruned and the blind one, as they are read.

    Parameters
    ----------
    samples : AlignedScores
    bootstrap : Bootstrap
        Of the samples' images.
    none, blind : ScoredCell or None
        The unpruned model, and without the image.
    bounded : bool
        Whether scores are between 0 and 1, so that an answer is right or wrong; of captions only answers
        are compared.
    """

    def __init__(
        self,
        samples: AlignedScores,
        bootstrap: Bootstrap,
        none: ScoredCell | None,
        blind: ScoredCell | None,
        bounded: bool,
    ) -> None:
        self.rows: dict[RowKey, RowChanges] = {}
        self._cells: dict[tuple[RowKey, int], dict[str, float]] = {}
        self._lines: dict[tuple[RowKey, int], list[dict[str, object]]] = {}
        self._samples, self._bootstrap, self._bounded = samples, bootstrap, bounded
        self._none_row, self._blind_row = (cell.row if cell is not None else None for cell in (none, blind))
        self._none = None if none is None else samples.read(none, logits=True)
        logits = self._none.logits if self._none is not None else None
        self._error = logits.error() if logits is not None else np.nan
        self._guesses = samples.read(blind).score if blind is not None and bounded else None
        self._answers = None
        if none is not None and self._none is not None and bounded:
            self._answers = ChangedAnswers(samples, none, self._none)
        self._waiting: list[tuple[dict[str, float], Mean]] = []

    def add(self, cells: Sequence[ScoredCell], scores: Sequence[CellScores]) -> None:
        """Compare the cells of one row, a cell a seed; what was chosen by gold answers is left out."""
        row = cells[0].row
        if cells[0].uses_label:
            return
        none = self._none if row != self._none_row else None
        guesses = self._guesses if row != self._blind_row else None
        quantities = self._quantities(scores, none, guesses)
        averaged = means(quantities, self._samples.clusters)
        errors = [self._calibration(own, none) for own in scores]
        found = self.rows[row] = RowChanges(self._numbers(averaged, errors))
        pairs = Pairs()
        for number, (cell, own) in enumerate(zip(cells, scores, strict=True)):
            one = {name: mean.of_seed(number) for name, mean in averaged.items()}
            numbers = found.numbers if len(cells) == 1 else self._numbers(one, [errors[number]])
            self._cells[row, cell.seed] = numbers
            if none is not None and self._answers is not None:
                numbers |= {f"n_{name}": int(one[name].sums.sum()) for name in TURNED}
                changed = self._answers.pairs(own)
                pairs.add(changed)
                self._lines[row, cell.seed] = self._answers.lines(cell, changed)
        found.most = {name: most[0] for name in TURNED if (most := pairs.most(name, 1))}

    def columns_of(self, cell: ScoredCell) -> dict[str, float | None]:
        """Return a cell's columns of cells.csv, None where there is nothing to compare with."""
        found = self._cells.get((cell.row, cell.seed), {})
        return {name: found.get(name) for name in CELL_COLUMNS}

    def lines_of(self, cell: ScoredCell) -> list[dict[str, object]]:
        """Return a cell's lines of changed_answers.csv."""
        return self._lines.get((cell.row, cell.seed), [])

    def _quantities(
        self, scores: Sequence[CellScores], none: CellScores | None, guesses: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        """Return name -> values of shape (samples, seeds), NaN where there is none."""
        score = np.column_stack([own.score for own in scores])
        briers = [own.logits.brier for own in scores if own.logits is not None]
        found: dict[str, np.ndarray] = {}
        if none is not None:
            found["agreement"] = np.column_stack([same_answers(own, none) for own in scores])
        if none is not None and self._bounded:
            found |= zip(TURNED, turns(none.score[:, None], score), strict=True)
        if len(briers) == len(scores):
            found["brier"] = np.column_stack(briers)
            if none is not None and none.logits is not None:
                found["brier_to_none"] = found["brier"] - none.logits.brier[:, None]
        if guesses is not None:
            found |= zip(STRATA, by_stratum(score, guesses[:, None]), strict=True)
        return found

    def _numbers(
        self, averaged: Mapping[str, Mean], errors: Sequence[Mapping[str, float]]
    ) -> dict[str, float]:
        """Return the numbers of a row or a cell; limits of the Brier score may come later."""
        found: dict[str, float] = {}
        for name, mean in averaged.items():
            found[name] = mean.value
            if name == "agreement":
                found["n_compared"] = mean.n
            if name in STRATA:
                found[f"n_{name}"] = mean.n
            if name in _SHARES:
                found[f"{name}_low"], found[f"{name}_high"] = mean.share_limits()
            if name == "brier_to_none":
                self._limit(found, mean)
        for name in ("ece", "ece_to_none"):
            known = [one[name] for one in errors if np.isfinite(one.get(name, np.nan))]
            if known:
                found[name] = float(np.mean(known))
        return found

    def _limit(self, found: dict[str, float], mean: Mean) -> None:
        """Give a difference of Brier scores its interval, now or with others; none where nothing changed."""
        if not mean.sums.any():
            return
        if mean.seed_sums.shape[1] == 1:
            self._waiting.append((found, mean))
            if len(self._waiting) == _AT_ONCE:
                self.finish()
        elif (both := mean.over_draws()) is not None:
            half = both.half_width()
            found |= {"brier_to_none_low": both.value - half, "brier_to_none_high": both.value + half}

    def finish(self) -> None:
        """Resample what waits for it."""
        if self._waiting:
            sums = np.column_stack([mean.sums for _, mean in self._waiting])
            counts = np.column_stack([mean.counts for _, mean in self._waiting])
            limits = interval(resampled_means(self._bootstrap, sums, counts))
            for (found, _), low, high in zip(self._waiting, *limits.tolist(), strict=True):
                found |= {"brier_to_none_low": low, "brier_to_none_high": high}
        self._waiting = []

    def _calibration(self, own: CellScores, none: CellScores | None) -> dict[str, float]:
        """Return the calibration error, and by how much it exceeds the unpruned one on the same samples."""
        if own.logits is None:
            return {}
        found = {"ece": own.logits.error()}
        if none is not None and none.logits is not None:
            both = own.logits.known & none.logits.known
            # Mostly both have answered all, and the unpruned error is computed once.
            mine = found["ece"] if (both == own.logits.known).all() else own.logits.error(both)
            theirs = self._error if (both == none.logits.known).all() else none.logits.error(both)
            found["ece_to_none"] = mine - theirs
        return found
