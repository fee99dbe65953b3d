"""Rules that read yes or no off a text, one function per published rule."""


def official(output: str) -> str:
    """POPE's own rule: the first sentence without commas says no if it holds No, no or not; else yes.

    As published at f3ec604 (2023-05-31). So `NO`, an empty text or `There isn't one` mean yes: faults of the
    rule, kept for comparison.
    """
    words = output.strip().split(".")[0].replace(",", "").split(" ")
    return "no" if {"No", "not", "no"} & set(words) else "yes"


def lmms(output: str) -> str | None:
    """lmms-eval's rule: lower-cased and stripped, the text is `yes` or `no`; None is wrong.

    As it is since 8fd9155 (2024-01-21).
    """
    said = output.lower().strip()
    return said if said in ("yes", "no") else None


def strict(output: str) -> str | None:
    """As `lmms`, with one final full stop allowed."""
    return lmms(output.strip().removesuffix("."))
