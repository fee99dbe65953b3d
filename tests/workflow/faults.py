"""docs/faults.md as data: which messages it promises for which fault."""

import re

from tests.docs.pages import codes, tables, text


def promised() -> dict[str, list[str]]:
    """Return fault -> messages, as regular expressions."""
    faults = tables(text("faults.md"))[0]
    return {fault: [_pattern(quoted) for quoted in codes(told)] for fault, told, *_ in faults}


def _pattern(quoted: str) -> str:
    return ".*".join(map(re.escape, quoted.split("...")))


def check(fault: str, output: str, *numbers: int) -> None:
    """Check that the messages of a fault occur, or only those of the given numbers."""
    messages = promised()[fault]
    for number, message in enumerate(messages):
        if not numbers or number in numbers:
            assert re.search(message, output), f"{message!r} is not in\n{output[-3000:]}"
