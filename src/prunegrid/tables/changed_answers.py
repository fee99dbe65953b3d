"""What answers changed to where they turned wrong or right, and changed_answers.csv."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from prunegrid.files import write_text
from prunegrid.results.score_columns import AXES
from prunegrid.statistics.paired import turns
from prunegrid.tables.aligned_scores import AlignedScores, CellScores
from prunegrid.tables.cells import ScoredCell

FILE = "changed_answers.csv"
TURNED = ("right_to_wrong", "wrong_to_right")
# Names of `Answers`.
_ANSWERS = ("unpruned_answer", "pruned_answer", "gold")
COLUMNS = (*AXES, "turned", *_ANSWERS, "count", "share", "sample_id", "unpruned_text", "pruned_text")
# Pairs of each direction that are listed of a cell.
MOST = 5
# Characters of a text that are written.
LONGEST = 80
ELLIPSIS = "…"

# Answer of the unpruned model, of the cell, and the gold one; None where none was read, or is known.
Answers = tuple[str | None, str | None, str | None]


@dataclass(frozen=True)
class Pair:
    """An answer and what it changed to.

    Attributes
    ----------
    turned : str
        One of `TURNED`.
    answers : tuple of str or None
        See `Answers`.
    count : int
        Samples of one cell, or of all seeds of a row.
    of : int
        All that turned the same way.
    first : int
        Place of the first of them among the samples.
    """

    turned: str
    answers: Answers
    count: int
    of: int
    first: int

    @property
    def share(self) -> float:
        """Share of what turned the same way."""
        return self.count / self.of


class Pairs:
    """Counts pairs of one cell, or adds up those of several.

    Parameters
    ----------
    turned : mapping, optional
        Direction -> pair -> how many samples turned so, and the place of the first of them.
    """

    def __init__(self, turned: Mapping[str, Mapping[Answers, tuple[int, int]]] | None = None) -> None:
        found = turned or {}
        self._counts: dict[str, Counter[Answers]] = {
            name: Counter({pair: count for pair, (count, _) in found.get(name, {}).items()})
            for name in TURNED
        }
        self._first = {(name, pair): place for name in found for pair, (_, place) in found[name].items()}

    def add(self, other: "Pairs") -> None:
        """Add those of another cell."""
        for name, counts in other._counts.items():
            self._counts[name].update(counts)
        self._first = {**other._first, **self._first}

    def most(self, turned: str, number: int) -> list[Pair]:
        """Return the most frequent pairs of a direction; of equal counts the first by their texts."""
        counts = self._counts[turned]
        order = sorted(counts, key=lambda pair: (-counts[pair], [text or "" for text in pair]))
        of = counts.total()
        return [Pair(turned, p, counts[p], of, self._first[turned, p]) for p in order[:number]]


class ChangedAnswers:
    """Finds what the answers of a benchmark's cells changed to.

    Parameters
    ----------
    samples : AlignedScores
    cell : ScoredCell
        The unpruned one.
    none : CellScores
        Its scores.
    """

    def __init__(self, samples: AlignedScores, cell: ScoredCell, none: CellScores) -> None:
        self._samples = samples
        self._none = none
        asked = samples.predicted(cell, ("answer", "references", "prediction"))
        self._texts = None if asked is None else asked["prediction"]
        golds: list[str | None] = [None] * len(none.score)
        if asked is not None:
            both = zip(asked["answer"].to_pylist(), asked["references"].to_pylist(), strict=True)
            golds = [_most_given(references) if gold is None else gold for gold, references in both]
        self._before = _coded(none.parsed_answer)
        self._golds = _coded(pa.chunked_array([pa.array(golds, pa.string())]))

    def pairs(self, scores: CellScores) -> Pairs:
        """Count the pairs of a cell."""
        told = (self._before, _coded(scores.parsed_answer), self._golds)
        turned = zip(TURNED, turns(self._none.score, scores.score), strict=True)
        return Pairs({name: _counted(told, np.flatnonzero(own == 1)) for name, own in turned})

    def lines(self, cell: ScoredCell, pairs: Pairs) -> list[dict[str, object]]:
        """Return a cell's lines of changed_answers.csv, with the texts of one sample each."""
        most = [pair for turned in TURNED for pair in pairs.most(turned, MOST)]
        if not most:
            return []
        at = pa.array([pair.first for pair in most])
        own = self._samples.predicted(cell, ("prediction",))
        said = None if own is None else own["prediction"]
        before, after = (
            [None] * len(most) if texts is None else texts.take(at).to_pylist()
            for texts in (self._texts, said)
        )
        axes = {name: getattr(cell, name) for name in AXES} | ({"match": cell.match} if cell.match else {})
        return [
            axes
            | {
                "turned": pair.turned,
                **dict(zip(_ANSWERS, map(shortened, pair.answers), strict=True)),
                "count": pair.count,
                "share": pair.share,
                "sample_id": self._samples.ids[pair.first],
                "unpruned_text": shortened(unpruned),
                "pruned_text": shortened(pruned),
            }
            for pair, unpruned, pruned in zip(most, before, after, strict=True)
        ]


def _coded(texts: pa.ChunkedArray) -> tuple[np.ndarray, list[str | None]]:
    """Return the number of each text among the different ones, and these; null is the last one."""
    encoded = texts.combine_chunks().dictionary_encode()
    different = encoded.dictionary.to_pylist()
    codes: np.ndarray = encoded.indices.fill_null(len(different)).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64), [*different, None]


def _counted(
    told: Sequence[tuple[np.ndarray, list[str | None]]], places: np.ndarray
) -> dict[Answers, tuple[int, int]]:
    """Count the different combinations of texts at some places, with the first place of each."""
    combined = np.zeros(len(places), dtype=np.int64)
    for codes, different in told:
        combined = combined * len(different) + codes[places]
    _, first, counts = np.unique(combined, return_index=True, return_counts=True)
    found: dict[Answers, tuple[int, int]] = {}
    for place, count in zip(places[first].tolist(), counts.tolist(), strict=True):
        before, after, gold = (different[codes[place]] for codes, different in told)
        found[before, after, gold] = count, place
    return found


def _most_given(references: Sequence[str] | None) -> str | None:
    return Counter(references).most_common(1)[0][0] if references else None


def shortened(text: str | None, longest: int = LONGEST) -> str | None:
    """Return a text of a data set or a model on one line, of at most so many characters that show.

    Parameters
    ----------
    text : str or None
    longest : int
        What is cut off is replaced by one character, "…".
    """
    if text is None:
        return None
    shown = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return shown if len(shown) <= longest else shown[: longest - 1].rstrip() + ELLIPSIS


def write_changed_answers(lines: Iterable[Mapping[str, object]], folder: Path) -> None:
    """Write changed_answers.csv: per cell and direction the most frequent pairs.

    `match` is one of the axes where any cell has it.
    """
    written = list(lines)
    match = ["match"] if any("match" in line for line in written) else []
    frame = pd.DataFrame(written, columns=[*AXES, *match, *COLUMNS[len(AXES) :]])
    write_text(folder / FILE, frame.to_csv(index=False, lineterminator="\n"))
