"""The README and its blocks of code."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    """Return the contents of the fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)
