"""The summary of main effects as a table, in the four formats."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from prunegrid.axis_names import with_match
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.display import Field, Line, Printed
from prunegrid.tables.four_formats import write_four_formats
from prunegrid.tables.main_effects import AXES, MainEffect, averaged_over
from prunegrid.tables.notes import TOY
from prunegrid.tables.options import TableOptions
from prunegrid.tables.signs import DASH, NEEDS_ANSWER, SIGNIFICANT, p_value, scaled, signed

KIND = "main_effects"
_COLUMNS = ("axis", "name", "n_rows", "n_draws", "needs_answer", "value", "low", "high", "difference")


def write_main_effects(
    effects: Sequence[MainEffect], model: str, benchmarks: Iterable[str], options: TableOptions, folder: Path
) -> None:
    """Write main_effects.{csv,md,tex,html}.

    Parameters
    ----------
    effects : sequence of MainEffect
    model : str
    benchmarks : iterable of str
        Those that were averaged over.
    options : TableOptions
    folder : path
    """
    shown = printed(effects, model, benchmarks, options)
    match = ["match"] if options.several_matchings else []
    names = [*_COLUMNS[:2], *match, *_COLUMNS[2:], "difference_low", "difference_high", "p", "p_holm"]
    frame = pd.DataFrame([asdict(effect) for effect in effects], columns=names)
    write_four_formats(KIND, frame.to_csv(index=False, lineterminator="\n"), shown, folder)


def printed(
    effects: Sequence[MainEffect], model: str, benchmarks: Iterable[str], options: TableOptions
) -> Printed:
    """Return the summary with all numbers as text."""
    blocks = []
    for axis, match in product(AXES, dict.fromkeys(effect.match for effect in effects)):
        own = [effect for effect in effects if (effect.axis, effect.match) == (axis, match)]
        reference = options.reference_strategy if axis == "strategy" else options.reference_criterion
        if own:
            lines = [_line(effect, effect.name == reference) for effect in own]
            heading = f"{axis}, averaged: {'; '.join(averaged_over(own[0]))}"
            blocks.append((with_match(heading, match), lines))
    if not blocks:
        blocks.append(("nothing to average: no two strategies, or criteria, share a row", []))
    return Printed(
        title=f"On average: performance kept, of {model}",
        label=f"{model}-{KIND}",
        columns=["averaged", "kept, % of unpruned", "to reference, points", "rows"],
        groups=[],
        blocks=blocks,
        notes=[*_notes(effects, benchmarks, options)],
    )


def _line(effect: MainEffect, reference: bool) -> Line:
    many = (f"over {effect.n_draws} draws",) if effect.n_draws else ()
    below = ("one drawn schedule",) if effect.n_draws == 1 else many
    name = Field(effect.name, below, NEEDS_ANSWER * effect.needs_answer)
    value = Field(scaled(effect.value), (f"{scaled(effect.low)} to {scaled(effect.high)}",))
    difference = Field("reference" if reference else DASH)
    if np.isfinite(effect.difference):
        tested = np.isfinite(effect.p)
        p = f"p {p_value(effect.p)}, Holm {p_value(effect.p_holm)}" if tested else "not tested"
        span = f"{signed(effect.difference_low)} to {signed(effect.difference_high)}"
        star = SIGNIFICANT * bool(effect.p_holm < LEVEL)
        difference = Field(signed(effect.difference), (span, p), star)
    return Line([name, value, difference, Field(str(effect.n_rows))], reference=reference)


def _notes(effects: Sequence[MainEffect], benchmarks: Iterable[str], options: TableOptions) -> Iterable[str]:
    if options.toy:
        yield TOY
    family = "the blocks of one axis" if options.several_matchings else "the block"
    yield (
        f"Kept: score / unpruned score, mean over {', '.join(benchmarks)}, and over the rows that a block's "
        "heading names: those that all of the block were run with. 95 % intervals over images, resampled for "
        "each benchmark apart, and over seeds where something is drawn; joined with score intervals, open "
        "where no answer changed; not corrected. p is of sign flips over images, and over images and seeds "
        f"where something is drawn. {SIGNIFICANT} p < 0.05 after Holm over {family}."
    )
    yield (
        "An average hides interactions: where a strategy's effect depends on the criterion, the strategy and "
        "the criterion table tell, this one does not. What takes no criterion is not averaged."
    )
    if any(effect.needs_answer for effect in effects):
        yield (
            f"{NEEDS_ANSWER} needs the unpruned model's own answer: no method to deploy; no strategy is "
            "averaged over it."
        )
