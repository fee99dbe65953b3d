"""Text in a plain form: full-width characters as plain ones, none that are invisible, single spaces."""

import re
import unicodedata

_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": " ", "“": '"', "”": '"'})  # noqa: RUF001

_UNSAID = re.compile(r"<think>.*?</think>|~~.*?~~", re.IGNORECASE | re.DOTALL)
# What a model writes when it goes on with a dialogue of its own.
_NEXT_TURN = re.compile(r"\n(?:question|q|context|user|human|assistant) ?:|</s>|<eos>|<\|", re.IGNORECASE)


def own_turn(text: str) -> str:
    """Return the plain form of an output, without marked reasoning, struck text, and turns after its own."""
    return _NEXT_TURN.split(plain(_UNSAID.sub(" ", text)))[0]


def plain(text: str) -> str:
    """Return the plain form of a text; ends of lines are kept, empty lines are not."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
