"""Captions: CIDEr, and on request BLEU, METEOR and ROUGE-L, as pycocoevalcap computes them.

CIDEr: Vedantam et al. 2015; BLEU: Papineni et al. 2002; METEOR: Denkowski and Lavie 2014; ROUGE-L: Lin 2004.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge

from prunegrid.errors import DataError
from prunegrid.nearest import nearest
from prunegrid.scoring.captions import bleu, meteor
from prunegrid.scoring.captions.cider import FrozenCider
from prunegrid.scoring.captions.ptb import tokenize
from prunegrid.scoring.scorer import Scorer, Variants, plain_columns
from prunegrid.statistics.sums import SumMetric, mean

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Caption(Scorer):
    """CIDEr with IDF frozen on the references of all rows, error rows too: images compare between cells.

    Java starts once for all cells, and once more if METEOR is asked for.

    Parameters
    ----------
    extra : sequence of str
        Of bleu, meteor, rouge.
    """

    headline: ClassVar[str] = "cider"
    headline_variant: ClassVar[str] = "pycocoevalcap"
    variants: ClassVar[tuple[str, ...]] = ("pycocoevalcap",)
    on_request: ClassVar[tuple[str, ...]] = ("bleu", "meteor", "rouge")

    extra: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in self.extra:
            if name not in self.on_request:
                raise ValueError(f"unknown extra caption metric {name!r}: {nearest(name, self.on_request)}")

    def rows_of_cells(
        self, cells: Mapping[Any, pd.DataFrame]
    ) -> Iterator[tuple[Any, pd.DataFrame, pd.DataFrame]]:
        """Score the ok rows of all cells, with one call of the tokenizer.

        Cells are asked for twice: all texts must be known before the one tokenisation, but the memory
        need not hold more than these.
        """
        groups = _shared_references(cells)
        texts: list[list[str]] = []
        for references, captions in groups:
            texts.append([caption for of_image in references for caption in of_image])
            texts += captions.values()
        tokenized = iter(tokenize(texts))
        with meteor.scorer() if "meteor" in self.extra else nullcontext() as running:
            for references, captions in groups:
                flat = iter(next(tokenized))
                tokens = _with_words([[next(flat) for _ in of_image] for of_image in references])
                candidates = {key: next(tokenized) for key in captions}
                values = _cider(tokens, list(candidates.values()))
                for number, key in enumerate(candidates):
                    predictions = plain_columns(cells[key])
                    rows = _rows(predictions, values[:, number], tokens, candidates[key])
                    self._add_extra(rows, tokens, candidates[key], running)
                    yield key, predictions, rows

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return CIDEr, then what was asked for; METEOR is the corpus value of the program."""
        result = {"cider": mean(rows["score"])}
        if "bleu" in self.extra:
            parts = rows[[f"bleu_{part}" for part in range(bleu.PARTS)]].to_numpy()
            for order in range(1, bleu.ORDERS + 1):
                result[f"bleu_{order}"] = SumMetric(parts, partial(bleu.bleu, order=order))
        if "rouge" in self.extra:
            result["rouge_l"] = mean(rows["rouge_l"])
        if "meteor" in rows:
            # The corpus value is no mean of captions': the spread is theirs, the centre the program's.
            shift = rows.attrs["meteor"] - rows["meteor"].mean()
            result["meteor"] = mean(rows["meteor"] + shift)
        return result

    def variant_values(self, rows: pd.DataFrame) -> Variants:
        """Return the one rule there is."""
        return {"cider": {"pycocoevalcap": mean(rows["score"]).value()}}

    def _add_extra(
        self, rows: pd.DataFrame, references: list[list[str]], candidates: list[str], running: Meteor | None
    ) -> None:
        pairs = [(candidates[i], references[i]) for i in rows.pop("row")]
        if "bleu" in self.extra:
            counts = np.array([bleu.counts(*pair) for pair in pairs]).reshape(-1, bleu.PARTS)
            for part in range(bleu.PARTS):
                rows[f"bleu_{part}"] = counts[:, part]
        if "rouge" in self.extra:
            rows["rouge_l"] = [Rouge().calc_score([candidate], refs) for candidate, refs in pairs]
        if running is not None and pairs:
            numbered = dict(enumerate(pairs))
            corpus, rows["meteor"] = running.compute_score(
                {i: refs for i, (_, refs) in numbered.items()}, {i: [c] for i, (c, _) in numbered.items()}
            )
            rows.attrs["meteor"] = corpus


def _with_words(references: list[list[str]]) -> list[list[str]]:
    """Return tokenised references without blanks, dots and others of which no word is left.

    They would take their part in CIDEr's mean, and equal an empty caption in ROUGE-L.
    """
    kept = [[caption for caption in of_image if caption] for of_image in references]
    lost = sum(map(len, references)) - sum(map(len, kept))
    if lost:
        _LOG.warning(f"{lost} references without a word are left out")
    return kept


def _shared_references(
    cells: Mapping[Any, pd.DataFrame],
) -> list[tuple[list[list[str]], dict[Any, list[str]]]]:
    """Group cells whose references are the same, row by row: (references, key -> captions)."""
    groups: list[tuple[list[list[str]], dict[Any, list[str]]]] = []
    for key in cells:
        predictions = plain_columns(cells[key])
        references = [[] if refs is None else [str(r) for r in refs] for refs in predictions["references"]]
        captions = list(predictions["prediction"])
        for known, members in groups:
            if known == references:
                members[key] = captions
                break
        else:
            groups.append((references, {key: captions}))
    return groups


def _cider(references: list[list[str]], candidates: list[list[str]]) -> np.ndarray:
    """Score cells that share their references, image by image.

    Parameters
    ----------
    references : list of lists of str
        Tokenised references per row.
    candidates : list of lists of str
        Per cell, a tokenised caption per row.

    Returns
    -------
    ndarray of float64, shape (rows, cells)
        NaN in rows without references.
    """
    described = [i for i, captions in enumerate(references) if captions]
    cider = FrozenCider([references[i] for i in described])
    values = np.full((len(references), len(candidates)), np.nan)
    for image, i in enumerate(described):
        values[i] = cider.score(image, [tokens[i] for tokens in candidates])
    return values


def _rows(
    predictions: pd.DataFrame, cider: np.ndarray, references: list[list[str]], candidates: list[str]
) -> pd.DataFrame:
    """Return the ok rows of a cell; `row` is the number of the row."""
    ok = np.flatnonzero(predictions["status"] == "ok")
    bare = [predictions["sample_id"].iloc[i] for i in ok if not references[i]]
    if bare:
        raise DataError(f"sample {bare[0]!r}: a caption row needs at least one reference with a word")
    parsed = [candidates[i] for i in ok]
    columns = {"score": cider[ok], "cider": cider[ok], "parsed_answer": parsed, "row": ok}
    return pd.DataFrame(columns, index=predictions.index[ok])
