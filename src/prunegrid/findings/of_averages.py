"""Findings of the averages over benchmarks, ratios and the other axis."""

from collections.abc import Iterator, Sequence

import numpy as np

from prunegrid.findings.found_difference import AVERAGE, NEEDS_ANSWER, FoundDifference, relation
from prunegrid.tables.main_effects import MainEffect, averaged_over
from prunegrid.tables.options import TableOptions

KEPT = "kept"


def findings_of(effects: Sequence[MainEffect], options: TableOptions) -> Iterator[FoundDifference]:
    """Yield how each strategy and each criterion compares with the reference on average."""
    for effect in effects:
        if np.isnan(effect.difference):
            continue
        strategies = effect.axis == "strategy"
        family = sum(other.axis == effect.axis and np.isfinite(other.p) for other in effects)
        notes = [NEEDS_ANSWER] * effect.needs_answer
        if effect.n_draws:
            notes.append(f"is over {effect.n_draws} draw{'s' * (effect.n_draws > 1)}")
        yield FoundDifference(
            question=effect.axis,
            about=AVERAGE,
            fixed="",
            ratio=None,
            match=effect.match,
            benchmark="",
            metric=KEPT,
            subject=effect.name,
            relation=relation(effect.difference, effect.p_holm),
            object=options.reference_strategy if strategies else options.reference_criterion,
            difference=effect.difference,
            low=effect.difference_low,
            high=effect.difference_high,
            p=effect.p,
            p_corrected=effect.p_holm,
            correction=f"Holm over {family} tests of the averages",
            n_draws=effect.n_draws,
            notes=tuple(notes),
            over="; ".join([*averaged_over(effect), _benchmarks(effect.benchmarks)]),
        )


def _benchmarks(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} benchmarks"
