"""Base class of multiple-choice scorers: accuracy by several rules, and the margin of the gold option."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prunegrid.data.prompt_texts import LETTERS
from prunegrid.scoring.scorer import LOGIT_SCORES, Scorer, gold_letter, logit_metrics, logit_scores
from prunegrid.statistics.sums import SumMetric, mean

# output, gold letter, choices -> whether it counts as correct, and the letter it is read as, if any
Rule = Callable[[str, str, list[str]], tuple[bool, str | None]]


@dataclass(frozen=True)
class ChoiceScorer(Scorer):
    """Accuracy over lettered options; a subclass gives one rule per variant."""

    def rules(self) -> dict[str, Rule]:
        """Return variant -> rule."""
        raise NotImplementedError

    def rows(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Score each row by every rule, and by the logits of its options."""
        return pd.DataFrame(
            [self._row(row) for row in predictions.itertuples()],
            index=predictions.index,
            columns=self._columns(),
        )

    def metrics(self, rows: pd.DataFrame) -> dict[str, SumMetric]:
        """Return accuracy and, where logits are known, the metrics of these."""
        return {"accuracy": mean(rows["score"]), **logit_metrics(rows)}

    def _columns(self) -> list[str]:
        return ["score", "correct", *(f"correct_{v}" for v in self.variants), *LOGIT_SCORES, "parsed_answer"]

    def _row(self, row: Any) -> dict[str, object]:
        gold = gold_letter(row.sample_id, row.answer, row.choices)
        choices = [str(choice) for choice in row.choices]
        read = {name: rule(row.prediction, gold, choices) for name, rule in self.rules().items()}
        correct, parsed = read[self.headline_variant]
        return {
            "score": float(correct),
            "correct": float(correct),
            **{f"correct_{name}": float(right) for name, (right, _) in read.items()},
            **logit_scores(row.choice_logits, LETTERS.index(gold)),
            "parsed_answer": parsed,
        }


def reads(letter: str | None, gold: str) -> tuple[bool, str | None]:
    """Return a rule's result for an output read as `letter`."""
    return letter == gold, letter
