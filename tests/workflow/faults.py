"""docs/faults.md as data: which messages it promises for which fault."""

import re

from tests.workflow.study import HOME


def promised() -> dict[str, list[str]]:
    """Return fault -> messages, as regular expressions."""
    lines = (HOME / "docs/faults.md").read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")][2:]
    return {row[0].strip(): [_pattern(quoted) for quoted in re.findall(r"`([^`]+)`", row[1])] for row in rows}


def _pattern(quoted: str) -> str:
    return ".*".join(map(re.escape, quoted.split("...")))


def check(fault: str, output: str, *numbers: int) -> None:
    """Check that the messages of a fault occur, or only those of the given numbers."""
    messages = promised()[fault]
    for number, message in enumerate(messages):
        if not numbers or number in numbers:
            assert re.search(message, output), f"{message!r} is not in\n{output[-3000:]}"
