"""Regular expressions from lists of phrases."""

import re


def any_of(phrases: str) -> str:
    """Return an expression that matches any of the phrases.

    Parameters
    ----------
    phrases : str
        Divided by ` | ` or by ends of lines; each is an expression, in which a space stands for one of any
        white space.
    """
    listed = [phrase.strip() for phrase in re.split(r" \| |\n", phrases)]
    return "(?:" + "|".join(phrase.replace(" ", r"\s") for phrase in listed if phrase) + ")"


def repeated(phrases: str) -> str:
    """Return an expression that matches any number of the phrases, each followed by white space."""
    return rf"(?:{any_of(phrases)}\s)*"
