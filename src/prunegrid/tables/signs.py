"""Marks of a printed table, and numbers as text."""

import numpy as np

from prunegrid.tables.options import SCALE

DASH = "–"  # noqa: RUF001
MINUS = "−"  # noqa: RUF001
SIGNIFICANT = "*"
NO_LOSS = "°"
NEEDS_ANSWER = "†"
DEGENERATE = "‡"
OFF_TARGET = "§"
MISSED_BUDGET = "≠"
BEST_GROUP = "≈"
ARROW = "→"
CHANGE = "Δ"

METRICS = {
    "accuracy": "accuracy, %",
    "accuracy_of_groups": "questions right in all their forms, %",
    "accuracy_of_categories": "mean accuracy of categories, %",
    "mme": "MME: acc and acc+",
    "object_precision": "named objects that are there, %, 100 minus CHAIR_i",
    "cider": "CIDEr x 100",
}
# Headlines of which a sample's part may be more than 1 or less than 0: sums, and shares of groups of samples.
UNBOUNDED = frozenset(METRICS) - {"accuracy"}


def scaled(value: float) -> str:
    """Return a value in the printed scale: 91.3."""
    return minus(f"{SCALE * value:.1f}") if np.isfinite(value) else DASH


def signed(value: float) -> str:
    """Return a difference in the printed scale with its sign: +1.3."""
    text = f"{SCALE * value:+.1f}"
    return minus("0.0" if text in ("+0.0", "-0.0") else text)


def p_value(value: float) -> str:
    """Return a p with two decimals, three where it is small."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def flops(value: float) -> str:
    """Three decimals below 10, fewer above: always four digits or so."""
    return plain(value, 3 if value < 10 else 2 if value < 100 else 1)


def gap(value: float) -> str:
    """Return a small share of something with its sign: +1.3 %."""
    return minus(f"{100 * value:+.1f} %")


def plain(value: float, digits: int) -> str:
    """Return a number with so many decimals; a dash where there is none."""
    return minus(f"{value:.{digits}f}") if np.isfinite(value) else DASH


def whole(value: float) -> str:
    """Return a number rounded to a whole one."""
    return minus(str(round(value)))


def minus(text: str) -> str:
    """Write hyphens as minus signs."""
    return text.replace("-", MINUS)


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 sample`, `1,200 samples`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
