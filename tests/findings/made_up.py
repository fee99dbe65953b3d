"""Findings of made-up cells."""

from collections.abc import Sequence

from prunegrid.findings.found_difference import FoundDifference
from prunegrid.findings.statements import statements_of
from prunegrid.findings.write_findings import findings_of
from prunegrid.tables.build import compared
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

OPTIONS = TableOptions(replicates=200)
N = 200


def right(count: int, n: int = N) -> list[float | None]:
    """Return scores of which the first so many are right."""
    return [1.0] * count + [0.0] * (n - count)


def study(benchmark: str = "b", none: int = N, **counts: int):
    """Return cells of one benchmark: each strategy answers the first so many rightly."""
    made = [cell("none", right(none), benchmark=benchmark)]
    return made + [cell(name, right(count), benchmark=benchmark) for name, count in counts.items()]


def found(cells, options: TableOptions = OPTIONS) -> list[FoundDifference]:
    """Return all findings of cells."""
    return findings_of(compared(cells, [], options))


def said(cells, options: TableOptions = OPTIONS):
    """Return all statements of cells."""
    return statements_of(found(cells, options), options)


def only(findings: Sequence[FoundDifference], **fields) -> FoundDifference:
    """Return the one finding that has these fields."""
    (one,) = some(findings, **fields)
    return one


def some(findings: Sequence[FoundDifference], **fields) -> list[FoundDifference]:
    """Return the findings that have these fields."""
    return [f for f in findings if all(getattr(f, name) == value for name, value in fields.items())]
