"""Names with a meaning of their own on the grid's axes, in configurations, folders and tables alike."""

# The strategy that prunes nothing (`strategies/none.py`): every grid has it.
BASELINE = "none"
# The criterion of a strategy that ranks nothing.
NO_CRITERION = "none"
# What may be equal at one ratio: the share of image-token work that is removed, or the total compute.
SHARE, TOTAL = "share", "tflops_total"
MATCH_WORDS = {SHARE: "equal share of tokens", TOTAL: "equal total compute"}


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
