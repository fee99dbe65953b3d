"""Rows are one computation only where nothing that the engine does differs."""

import pytest

from prunegrid.tables.cells import RowKey
from prunegrid.tables.same_computation import computations

ONE, OTHER = (RowKey(name, "norm", 0.5, "") for name in ("one", "other"))


def told(strategy, options, criterion="norm", **criterion_options):
    cell = {
        "schedule": [[0, 0.5]],
        "scored_by": [[0, "norm", "hidden"]],
        "strategy": [strategy, options],
        "criterion": [criterion, criterion_options],
    }
    return [(0, cell)]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        # The same cut, but its default positions are the original ones.
        (("cuts", {"cuts": [[0, 0.5]]}), False),
        (("cuts", {"cuts": [[0, 0.5]], "positions": "contiguous"}), True),
        (("cuts", {"cuts": [[0, 0.5]], "positions": "contiguous", "rounding": "floor"}), False),
        (("input", {"positions": "original"}), False),
        (("input", {"positions": "contiguous", "rounding": "half_up"}), True),
    ],
)
def test_positions_and_rounding_tell_rows_apart(other, same):
    found = computations({ONE: told("input", {}), OTHER: told(*other)})
    assert (found[OTHER] == ONE) == same


def test_who_is_named_does_not_matter_but_who_scores():
    staged = told("input", {}, "staged", parts=["norm"])
    options = told("input", {}, "staged", shallow="norm", deep_from=3)
    assert computations({ONE: staged, OTHER: options})[OTHER] == ONE
