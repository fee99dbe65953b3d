"""Numbers of a table as text, which Markdown, LaTeX and HTML print alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from prunegrid.cost.equal_compute import MATCH_TOLERANCE
from prunegrid.tables import speed_fields
from prunegrid.tables.blocks import Table, TableRow
from prunegrid.tables.compare import Difference, Result
from prunegrid.tables.options import SCALE
from prunegrid.tables.row_compute import mean_ledger, share_of_unpruned

DASH = "–"  # noqa: RUF001
MINUS = "−"  # noqa: RUF001
SIGNIFICANT = "*"
NO_LOSS = "°"
NEEDS_ANSWER = "†"
DEGENERATE = "‡"
OFF_TARGET = "§"

_UNITS = ((1.0, "TFLOPs"), (1e-3, "GFLOPs"), (1e-6, "MFLOPs"))
_METRICS = {"accuracy": "accuracy, %", "cider": "CIDEr x 100"}
_LEVEL = 0.05


@dataclass(frozen=True)
class Field:
    """One field of a printed table.

    Attributes
    ----------
    main : str
        The number.
    below : tuple of str
        Lines below it: its interval, its spread over seeds.
    mark : str
        Signs behind the number, such as that of a significant difference.
    bold : bool
        Whether it is the best of its block.
    tip : str
        What HTML shows where a reader points at it.
    """

    main: str
    below: tuple[str, ...] = ()
    mark: str = ""
    bold: bool = False
    tip: str = ""


@dataclass(frozen=True)
class Line:
    """One printed row.

    Attributes
    ----------
    fields : list of Field
    quiet : bool
        Whether it is not ranked, or out of reach.
    reference : bool
        Whether others are compared with it.
    """

    fields: list[Field]
    quiet: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Printed:
    """A printed table.

    Attributes
    ----------
    title : str
    columns : list of str
        The first columns' names.
    groups : list of (str, list of str)
        Per benchmark: its heading and its columns' names.
    blocks : list of (str, list of Line)
    notes : list of str
    """

    title: str
    columns: list[str]
    groups: list[tuple[str, list[str]]]
    blocks: list[tuple[str, list[Line]]]
    notes: list[str] = field(default_factory=list)


def printed(table: Table) -> Printed:
    """Return a table with all numbers as text."""
    factor, unit = _unit(table)
    headline = {
        b: next(row.results[b].metric for row in table.rows if b in row.results) for b in table.benchmarks
    }
    measured = speed_fields.columns(table)
    blocks = [
        (block.heading, [_line(table, row, factor, measured) for row in block.rows]) for block in table.blocks
    ]
    return Printed(
        title=f"{'Where and how much' if table.kind == 'strategy' else 'Which tokens'}: "
        f"the {table.kind} table of {table.model}",
        columns=[table.kind, f"{unit} (published)", f"{unit} (total)", "removed", *measured],
        groups=[
            (
                f"{b}: {_METRICS.get(headline[b], headline[b])}",
                ["value", "to unpruned", "to reference", "gain kept"],
            )
            for b in table.benchmarks
        ],
        blocks=blocks,
        notes=list(_notes(table, headline)),
    )


def _unit(table: Table) -> tuple[float, str]:
    means = (mean_ledger(row, "tflops_published") for row in table.rows)
    largest = max((mean for mean in means if np.isfinite(mean)), default=1.0)
    return next(((factor, unit) for factor, unit in _UNITS if largest >= factor), _UNITS[-1])


def _line(table: Table, row: TableRow, factor: float, measured: Sequence[str]) -> Line:
    marks = NEEDS_ANSWER * row.needs_answer + DEGENERATE * (row.degenerate and not row.anchor)
    n_seeds = max((len(result.seeds) for result in row.results.values()), default=1)
    name = Field(row.label, (f"{n_seeds} seeds",) if n_seeds > 1 else (), marks, tip=row.unreachable or "")
    if row.unreachable is not None:
        empty = Field(DASH, tip=row.unreachable)
        return Line([name, *[empty] * (3 + len(measured) + 4 * len(table.benchmarks))], quiet=True)
    fields = [name]
    for ledger in ("tflops_published", "tflops_total"):
        value, share = mean_ledger(row, ledger), share_of_unpruned(table, row, ledger)
        below = (f"{100 * share:.1f} %",) if np.isfinite(share) else ()
        gaps = row.off_target if ledger == "tflops_total" else {}
        tip = "; ".join(f"{name}: {_gap(gap)} of the reference's total" for name, gap in gaps.items())
        fields.append(Field(_flops(value / factor), below, OFF_TARGET * bool(gaps), tip=tip))
    fields.append(Field(_plain(mean_ledger(row, "ratio_achieved"), 3)))
    fields += [Field(main or DASH, below, mark) for main, below, mark in speed_fields.texts(row, measured)]
    for benchmark in table.benchmarks:
        fields += _benchmark(table, row, benchmark)
    return Line(fields, row.anchor, row.reference)


def _benchmark(table: Table, row: TableRow, benchmark: str) -> list[Field]:
    result = row.results.get(benchmark)
    if result is None:
        return [Field(DASH)] * 4
    return [
        _value(result, benchmark in row.best),
        _difference(table, row, benchmark, "to_none", result.to_none, NO_LOSS if result.non_inferior else ""),
        Field("reference")
        if row.reference
        else _difference(table, row, benchmark, "to_reference", result.to_reference, ""),
        _retained(result),
    ]


def _value(result: Result, bold: bool) -> Field:
    if np.isnan(result.value):
        return Field(DASH, (f"{result.n_error} errors",), tip="every row is an error")
    below = [f"{_scaled(result.low)} to {_scaled(result.high)}"]
    if len(result.seeds) > 1:
        known = result.answered
        below.append(f"seeds {_scaled(min(known))} to {_scaled(max(known))}, sd {_scaled(result.spread)}")
    return Field(_scaled(result.value), tuple(below), bold=bold)


def _difference(
    table: Table, row: TableRow, benchmark: str, which: str, difference: Difference | None, mark: str
) -> Field:
    if difference is None or np.isnan(difference.value):
        return Field(DASH)
    corrected = table.corrected[row.key, benchmark, which]
    mark = SIGNIFICANT * bool(corrected < _LEVEL) + mark
    tested = (
        f"p = {difference.p:.4g}, after Holm {corrected:.4g}" if np.isfinite(difference.p) else "not tested"
    )
    tip = f"{tested}; detectable {SCALE * difference.detectable:.1f}"
    below = f"{_signed(difference.low)} to {_signed(difference.high)}"
    return Field(_signed(difference.value), (below,), mark, tip=tip)


def _retained(result: Result) -> Field:
    if result.retained is None or result.to_none is None:
        return Field(DASH)
    value, low, high = (100 * number for number in result.retained)
    return Field(f"{_whole(value)} %", (f"{_whole(low)} to {_whole(high)}",))


def _whole(value: float) -> str:
    return _minus(str(round(value)))


def _scaled(value: float) -> str:
    return _minus(f"{SCALE * value:.1f}") if np.isfinite(value) else DASH


def _signed(value: float) -> str:
    text = f"{SCALE * value:+.1f}"
    return _minus("0.0" if text in ("+0.0", "-0.0") else text)


def _flops(value: float) -> str:
    """Three decimals below 10, fewer above: always four digits or so."""
    return _plain(value, 3 if value < 10 else 2 if value < 100 else 1)


def _gap(value: float) -> str:
    """Return a small share of something with its sign: +1.3 %."""
    return _minus(f"{100 * value:+.1f} %")


def _plain(value: float, digits: int) -> str:
    return _minus(f"{value:.{digits}f}") if np.isfinite(value) else DASH


def _minus(text: str) -> str:
    return text.replace("-", MINUS)


def _notes(table: Table, headline: dict[str, str]) -> Iterable[str]:
    """Yield the foot-notes."""
    options = table.options
    if options.toy:
        yield "Toy model, toy world: this shows the method, not the merits of any pruning."
    yield from table.warnings
    for benchmark in table.benchmarks:
        results = [row.results[benchmark] for row in table.rows if benchmark in row.results]
        errors = sum(result.n_error for result in results)
        sizes = sorted({result.n for result in results})
        found = [
            SCALE * difference.detectable
            for result in results
            if (difference := result.to_reference or result.to_none) is not None
            and np.isfinite(difference.detectable)
            and np.isfinite(difference.p)
        ]
        detectable = f"; minimum detectable difference {min(found):.1f} to {max(found):.1f}" if found else ""
        metric = headline[benchmark]
        note = f"{benchmark}: n = {' to '.join(map(str, sizes))} per cell, {errors} errors; {metric} by rule "
        yield f"{note}{results[0].variant}{detectable}."
        if metric == "cider":
            yield f"{benchmark}: CIDEr's IDF comes from these n samples, so that it compares with no other n."
    yield (
        f"Below each figure its 95 % interval: percentiles of {options.replicates} bootstrap resamples of "
        "images. Differences are paired, and their intervals joined with a score interval over images (after "
        "Tango 1998): where no answer changed, n images still do not exclude a loss of about 4 / n. "
        f"{SIGNIFICANT} p < 0.05 by sign flips over images after Holm over "
        "all of this table's differences of that kind, all benchmarks together."
    )
    yield (
        f"{NO_LOSS} no loss to the unpruned model: the interval's lower limit is above "
        f"{MINUS}{options.accuracy_margin:g} points of accuracy, or {MINUS}{options.cider_margin:g} of CIDEr."
    )
    yield (
        f"Reference: {options.reference_strategy} x {options.reference_criterion} at the same ratio. "
        "Bold: best of its block. Gain kept: (value - blind) / (unpruned - blind), left out where that "
        "denominator's interval includes 0."
    )
    if options.match == "tflops_total":
        yield (
            "Rows at one ratio have the total compute that the reference has there, as nearly as whole "
            "tokens allow and for a prompt of assumed length: what they remove differs."
        )
        gaps = [gap for row in table.rows for gap in row.off_target.values()]
        if gaps:
            yield (
                f"{OFF_TARGET} on the samples that were run its total is more than "
                f"{100 * MATCH_TOLERANCE:g} % from the reference's on some benchmark "
                f"({_gap(min(gaps))} to {_gap(max(gaps))} in this table), so that it "
                "does not cost the same; it is ranked all the same."
            )
    yield (
        "Several seeds are averaged per sample; their range and standard deviation stand below. "
        "Minimum detectable difference: two-sided 5 %, power 80 %, before correction."
    )
    yield (
        "FLOPs (published): multiply-accumulates of image tokens in the decoder, two feed-forward matrices, "
        "as papers count them. FLOPs (total): 2 per multiply-accumulate; tower, projector, prefill of all "
        "tokens, the criterion's own cost, decoding. Means over samples and the row's benchmarks; below, per "
        "cent of the unpruned model's on the same benchmarks. Removed: 1 - mean share of image "
        "tokens per layer, as achieved."
    )
    yield from speed_fields.notes(table)
    if any(row.needs_answer for row in table.rows):
        yield f"{NEEDS_ANSWER} needs the unpruned model's own answer: no method to deploy, and not ranked."
    if any(row.uses_label for row in table.rows):
        yield (
            "Best of seeds (uses the label): per sample the best score of all seeds, chosen by the gold "
            "answer: what any choice among these subsets could reach. No method: neither tested nor ranked. "
            "Its FLOPs are those of one subset."
        )
    if any(row.degenerate and not row.anchor for row in table.rows):
        yield f"{DEGENERATE} degenerate: fewer than 4 image tokens in some layer; not ranked."
    reasons: dict[str, list[str]] = {}
    for row in table.rows:
        if row.unreachable is not None:
            reasons.setdefault(row.unreachable, []).append(f"{row.key[0]} x {row.key[1]}")
    for reason, names in reasons.items():
        yield f"{DASH} {', '.join(dict.fromkeys(names))}: {reason}."
