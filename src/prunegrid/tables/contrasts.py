"""Which rows are compared with which: one contrast for each question (docs/definitions.md, Tables)."""

from collections import Counter
from collections.abc import Container, Mapping

from prunegrid.axis_names import NO_CRITERION
from prunegrid.tables.cells import RowKey
from prunegrid.tables.options import TableOptions

# What pruning costs; strategies at one criterion; criteria at one strategy; whether one depends on the other.
TO_NONE, STRATEGY, CRITERION, INTERACTION = "to_none", "strategy_effect", "criterion_effect", "interaction"
# Of a row, of one or two that it is compared with, and of what both of those are compared with.
_SIGNS = (1, -1, -1, 1)
KINDS = (TO_NONE, STRATEGY, CRITERION, INTERACTION)

# Rows, and how often each is added; negative where it is subtracted. The first is the row itself.
Terms = Mapping[RowKey, int]


def compared_with(kind: str, key: RowKey, options: TableOptions) -> RowKey:
    """Return the reference of a row: of another strategy (kind `STRATEGY`) or criterion (kind `CRITERION`).

    A row without a criterion, such as one of `exit`, has the reference strategy with the reference criterion
    for its like.
    """
    if kind == CRITERION:
        return key._replace(criterion=options.reference_criterion)
    criterion = options.reference_criterion if key.criterion == NO_CRITERION else key.criterion
    return key._replace(strategy=options.reference_strategy, criterion=criterion)


def terms(
    kind: str, key: RowKey, rows: Container[RowKey], baseline: RowKey | None, options: TableOptions
) -> Terms | None:
    """Return what a row's contrast is made of; None where it says nothing, or a row of it was not run.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    key : RowKey
        The row.
    rows : container of RowKey
        Rows that were run.
    baseline : RowKey or None
        The unpruned model.
    options : TableOptions
        Names the reference strategy and criterion; see `compared_with`.
    """
    strategy, criterion = key.strategy, key.criterion
    s0, c0 = options.reference_strategy, options.reference_criterion
    same_criterion, same_strategy = (compared_with(axis, key, options) for axis in (STRATEGY, CRITERION))
    made: list[RowKey | None]
    if kind == TO_NONE:
        made = [key, baseline]
    elif kind == STRATEGY:
        made = [key, same_criterion]
    elif criterion == NO_CRITERION:
        return None
    elif kind == CRITERION:
        made = [key, same_strategy]
    else:
        if strategy == s0 or criterion == c0:
            return None
        made = [key, same_criterion, same_strategy, RowKey(s0, c0, key.ratio, key.match)]
    found = {row: sign for row, sign in zip(made, _SIGNS, strict=False) if row is not None and row in rows}
    return found if len(found) == len(made) else None


def distinct(terms: Terms, computations: Mapping[RowKey, RowKey]) -> frozenset[tuple[RowKey, int]]:
    """Return a contrast in terms of what was computed; empty where it compares a computation with itself.

    Parameters
    ----------
    terms : mapping
        See `terms`.
    computations : mapping
        Row -> the first row that is the same computation.
    """
    total: Counter[RowKey] = Counter()
    for row, sign in terms.items():
        total[computations.get(row, row)] += sign
    return frozenset((row, sign) for row, sign in total.items() if sign)
