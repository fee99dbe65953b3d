"""Whether a job computes with the code that its keys were planned with."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunegrid.errors import CodeChangedError
from prunegrid.source.imported import record_imports
from prunegrid.study.fingerprint import REMEMBERED, Code
from prunegrid.study.keys import CodeFiles


class PlannedCode:
    """The code of a job's keys, held against the texts that its modules were imported from.

    Between plan and import a file may be edited, and put back before anybody looks.

    Parameters
    ----------
    planned : mapping, optional
        `python`, the planner's version, and `codes`, name -> hash. Another version of Python reads another
        syntax tree from the same code, so that hashes can be compared only within one. Without it, nothing is
        compared.
    """

    def __init__(self, planned: Mapping[str, Any] | None) -> None:
        self._imported = record_imports()
        same = planned is not None and planned["python"] == python_version()
        self._codes: Mapping[str, str] = planned["codes"] if planned is not None and same else {}
        self._found: dict[CodeFiles, tuple[int, str]] = {}

    def of(self, name: str, otherwise: str) -> str:
        """Return the planned hash of a name, or another where none can be compared."""
        return self._codes.get(name, otherwise)

    def check(self, name: str, files: CodeFiles, what: str) -> None:
        """Check, before something is written, that what made it is the planned code.

        Parameters
        ----------
        name : str
            Under which name its hash was planned.
        files : CodeFiles
            What the hash is made of.
        what : str
            What is to be written, for the message.

        Raises
        ------
        CodeChangedError
            If it is not, naming the files.
        """
        if name in self._codes and self._hash(files) != self._codes[name]:
            names = ", ".join(map(str, self._edited(files)))
            raise CodeChangedError(
                f"{what} would be computed by other code than its key stands for, and is not written: "
                f"{names} was edited since the run began; run again"
            )

    def _hash(self, files: CodeFiles) -> str:
        """Return the hash of what was imported; of files that were not, of what they hold."""
        n_imported = len(self._imported.texts)
        if self._found.get(files, (-1, ""))[0] != n_imported:
            self._found[files] = n_imported, files.hash(Code(REMEMBERED, self._imported.read))
        return self._found[files][1]

    def _edited(self, files: CodeFiles) -> list[Path]:
        """Return which of the files were edited and put back, or else the one that was written last."""
        code = Code(REMEMBERED, self._imported.read)
        counted = frozenset[Path]().union(*map(code.closure, files.entries), files.alone)
        put_back = [file for file in self._imported.edited() if file in counted and file.exists()]
        return put_back or [max(counted, key=lambda file: file.stat().st_mtime_ns)]


def python_version() -> str:
    """Return what of Python's version decides how code is read."""
    return ".".join(platform.python_version_tuple()[:2])
