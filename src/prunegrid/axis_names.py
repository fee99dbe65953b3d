"""Names with a meaning of their own on the grid's axes, in configurations, folders and tables alike."""

# The strategy that prunes nothing (`strategies/none.py`): every grid has it.
BASELINE = "none"
# The criterion of a strategy that ranks nothing.
NO_CRITERION = "none"
# What a method's criterion is called where it keeps the lowest scores: the method's name with this behind it.
REVERSED = "-reversed"
# What is both a strategy and a criterion of the package: no method has such a name.
ON_BOTH_AXES = ("random",)
# What may be equal at one ratio: the share of image-token work that is removed, or the total compute.
SHARE, TOTAL = "share", "tflops_total"
# Ratios that differ by less are one.
_SAME_RATIO = 1e-9
MATCH_WORDS = {SHARE: "equal share of tokens", TOTAL: "equal total compute"}


def row_name(strategy: str, criterion: str) -> str:
    """Return how a row is called: by its strategy, by both names, or by its method's, which both names are.

    Parameters
    ----------
    strategy, criterion : str
    """
    if criterion == NO_CRITERION or (criterion == strategy and strategy not in ON_BOTH_AXES):
        return strategy
    return criterion if criterion == f"{strategy}{REVERSED}" else f"{strategy} x {criterion}"


def ratio_digits(ratio: float) -> str:
    """Return a ratio as text: with three digits, or six where it comes from a number of tokens."""
    return f"{ratio:.3f}" if abs(ratio - round(ratio, 3)) < _SAME_RATIO else f"{ratio:.6f}"


def with_match(text: str, match: str) -> str:
    """Return what is said of a ratio with what is equal there, as in `0.653, equal total compute`.

    Parameters
    ----------
    text : str
    match : str
        A key of `MATCH_WORDS`; empty where a study needs no telling.
    """
    return f"{text}, {MATCH_WORDS[match]}" if match else text


def match_in_brackets(match: str) -> str:
    """Return the same in brackets, to stand behind a text: ` (equal total compute)`, or nothing."""
    return f" ({MATCH_WORDS[match]})" if match else ""
