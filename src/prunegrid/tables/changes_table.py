"""The table "What pruning changed": answers that are other ones, turned wrong or right, certainty, strata."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from prunegrid.statistics.calibration import BINS
from prunegrid.tables.blocks import Block, Table, TableRow
from prunegrid.tables.changed_answers import FILE, MOST, TURNED, Pair, shortened
from prunegrid.tables.changes import CALIBRATION, NET, ROW_COLUMNS
from prunegrid.tables.compare import Result
from prunegrid.tables.display import Field, Line, Printed
from prunegrid.tables.four_formats import write_four_formats
from prunegrid.tables.notes import TOY
from prunegrid.tables.signs import ARROW, DASH, DEGENERATE, NEEDS_ANSWER, minus, plain, scaled, signed

KIND = "changes"
# Quantity of `RowChanges` (net: the main tables' difference) -> its column.
_NAMES = {
    "agreement": "answers changed, %",
    "right_to_wrong": "right to wrong, %",
    "wrong_to_right": "wrong to right, %",
    NET: NET,
    "brier": "Brier",
    "ece": CALIBRATION,
    "needs_image": "image needed, %",
    "answerable_blind": "answerable blind, %",
}
# Characters of an answer.
_LONGEST = 20


def write_changes(blocks: Sequence[Block], table: Table, folder: Path) -> None:
    """Write changes.{csv,md,tex,html}.

    Parameters
    ----------
    blocks : sequence of Block
        See `Maker.by_budget`.
    table : Table
        A table of the same rows: its model, benchmarks and options.
    folder : path
    """
    csv = flat(blocks, table.benchmarks, table.options.several_matchings)
    write_four_formats(KIND, csv, printed(blocks, table), folder)


def flat(blocks: Sequence[Block], benchmarks: Iterable[str], matched: bool = False) -> str:
    """Return the table as CSV, in natural units; an empty field means that there is no such number.

    With `matched`, a column `match` tells what is equal at the ratio.
    """
    lines = []
    for block in blocks:
        for row in block.rows:
            line: dict[str, object] = {
                "block": block.heading,
                "strategy": row.key.strategy,
                "strategy_type": row.strategy_type,
                "criterion": row.key.criterion,
                "ratio": row.key.ratio,
                **({"match": row.key.match} if matched else {}),
                "n_seeds": row.n_draws,
                "needs_answer": row.needs_answer,
                "degenerate": row.degenerate,
            }
            for benchmark in benchmarks:
                own = _flat(row.results.get(benchmark))
                line |= {f"{benchmark}_{name}": value for name, value in own.items()}
            lines.append(line)
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


def _flat(result: Result | None) -> dict[str, object]:
    changes = result.changes if result is not None else None
    found: dict[str, object] = {"metric": result.metric if result is not None else None}
    found |= {name: changes.numbers.get(name) if changes is not None else None for name in ROW_COLUMNS}
    found["to_none"] = _net(result) if changes is not None and "right_to_wrong" in changes.numbers else None
    for turned in TURNED:
        pair = changes.most.get(turned) if changes is not None else None
        texts = (None, None) if pair is None else [shortened(text) for text in pair.answers[:2]]
        found |= dict(zip((f"{turned}_most_from", f"{turned}_most_to"), texts, strict=True))
        found[f"{turned}_most_share"] = None if pair is None else pair.share
    return found


def printed(blocks: Sequence[Block], table: Table) -> Printed:
    """Return the table with all numbers as text; a benchmark has the columns that some row of it has."""
    columns = {benchmark: [*_columns(blocks, benchmark)] for benchmark in table.benchmarks}
    return Printed(
        title=f"What pruning changed: {table.model}",
        label=f"{table.model}-{KIND}",
        columns=["strategy x criterion"],
        groups=[(b, [_NAMES[name] for name in names]) for b, names in columns.items() if names],
        blocks=[(block.heading, [_line(row, columns) for row in block.rows]) for block in blocks],
        notes=[*_notes(blocks, table, {name for names in columns.values() for name in names})],
        column_notes=[*_column_notes(columns)],
    )


def _columns(blocks: Sequence[Block], benchmark: str) -> Iterable[str]:
    results = [row.results[benchmark] for block in blocks for row in block.rows if benchmark in row.results]
    there = {name for result in results for name, value in result.changes.numbers.items() if value == value}
    if "right_to_wrong" in there:
        there.add(NET)
    return (name for name in _NAMES if name in there)


def _line(row: TableRow, columns: dict[str, list[str]]) -> Line:
    marks = NEEDS_ANSWER * row.needs_answer + DEGENERATE * (row.degenerate and not row.anchor)
    fields = [Field(row.label, (row.drawn,) if row.drawn else (), marks)]
    for benchmark, names in columns.items():
        fields += [_field(row.results.get(benchmark), name) for name in names]
    return Line(fields, row.anchor, row.reference)


def _field(result: Result | None, name: str) -> Field:
    if result is None:
        return Field(DASH)
    numbers = result.changes.numbers
    if name == NET:
        net = _net(result)
        return Field(signed(net) if np.isfinite(net) and "right_to_wrong" in numbers else DASH)
    value = numbers.get(name, np.nan)
    if np.isnan(value):
        return Field(DASH)
    if name in ("brier", "ece"):
        return _certainty(numbers, name)
    low, high = (numbers[f"{name}_{end}"] for end in ("low", "high"))
    if name == "agreement":
        value, low, high = 1 - value, 1 - high, 1 - low
    below = [f"{scaled(low)} to {scaled(high)}"]
    if name in result.changes.most:
        below.append(_most(result.changes.most[name]))
    if f"n_{name}" in numbers and name not in TURNED:
        below.append(f"n = {numbers[f'n_{name}']:.0f}")
    return Field(scaled(value), tuple(below))


def _certainty(numbers: dict[str, float], name: str) -> Field:
    ends = ("", "_low", "_high")
    difference, low, high = (numbers.get(f"{name}_to_none{end}", np.nan) for end in ends)
    below = [minus(f"{difference:+.3f}")] if np.isfinite(difference) else []
    if np.isfinite(low):
        below.append(minus(f"{low:+.3f} to {high:+.3f}"))
    return Field(plain(numbers[name], 3), tuple(below))


def _most(pair: Pair) -> str:
    before, after = (_answer(text) for text in pair.answers[:2])
    return f"{before} {ARROW} {after}: {100 * pair.share:.0f} %"


def _answer(text: str | None) -> str:
    return "(no answer)" if text is None else shortened(text, _LONGEST) or "(empty)"


def _net(result: Result | None) -> float:
    return np.nan if result is None or result.to_none is None else result.to_none.value


def _notes(blocks: Sequence[Block], table: Table, names: set[str]) -> Iterable[str]:
    rows = [row for block in blocks for row in block.rows]
    if table.options.toy:
        yield TOY
    yield (
        "All against the unpruned model's answers to the same samples. Answers changed: another answer is "
        "read in the output (captions: another text), right or wrong. Seeds are averaged for each sample, "
        "then samples."
    )
    if "right_to_wrong" in names:
        yield (
            "Right to wrong, wrong to right: samples whose score fell, and rose; below, the most frequent "
            f"change of answers with its share of these. {FILE} has up to {MOST} of either kind for each "
            "cell, with the gold answer, and texts of a sample."
        )
    yield (
        "Below each share its 95 % interval: a score interval over images (after Wilson 1927), open at 0 and "
        "100 %; joined with that over images and seeds where something is drawn. None is corrected for the "
        "number of rows: what is told apart from what stands in the strategy and the criterion table."
    )
    if "brier" in names:
        yield (
            "Brier: squared error of the options' probabilities at the first position, summed over options "
            "(0 to 2, less is better); below, the difference to unpruned, and its 95 % interval of resampled "
            "images, or over images and seeds. It says how sure the model is before it generates."
        )
    if "needs_image" in names:
        yield (
            "Image needed, answerable blind: mean score of the samples that the model without image tokens "
            "gets wrong, and right (a score of at least one half)."
        )
    if any(row.needs_answer for row in rows):
        yield f"{NEEDS_ANSWER} needs the unpruned model's own answer: no method to deploy."
    if any(row.degenerate and not row.anchor for row in rows):
        yield f"{DEGENERATE} degenerate: fewer than 4 image tokens in some layer."


def _column_notes(columns: dict[str, list[str]]) -> Iterable[tuple[str, str]]:
    shown = {name for names in columns.values() for name in names}
    if NET in shown:
        yield (
            NET,
            "Net: the difference to unpruned of the other tables. Where every score is 0 or 1 it is wrong to "
            "right minus right to wrong.",
        )
    if "ece" in shown:
        yield (
            CALIBRATION,
            f"ECE: expected calibration error of the largest of these probabilities, {BINS} bins of equal "
            "width (Guo et al. 2017), mean over seeds; below, the difference to unpruned on the same "
            "samples. Few rows bias it upwards, and it has no interval here.",
        )
