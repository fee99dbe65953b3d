"""The texts that modules were imported from: a file may be edited while a job runs, and put back.

A job that records them knows what it computes with, whatever the files hold later. Modules of the standard
library and of installed packages are left alone.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from prunegrid.source.imports import announced, is_installed


class _Loader(SourceFileLoader):
    """Compiles a file as it is now, past any `.pyc`, whose stamp tells seconds alone, and notes its text."""

    def __init__(self, name: str, file: str, texts: dict[Path, bytes]) -> None:
        super().__init__(name, file)
        self._texts = texts

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        text = self.get_data(path)
        code: CodeType = self.source_to_code(text, path)
        self._texts[Path(path).absolute()] = text
        return code


class ImportedTexts:
    """A finder of modules that notes the text of each file that is imported. Made by `record_imports`.

    Attributes
    ----------
    texts : dict
        Absolute path -> the bytes that its module was made of. Of files that were imported before it began,
        the bytes that they had then.
    """

    def __init__(self) -> None:
        self.texts: dict[Path, bytes] = {}
        for module in [*sys.modules.values()]:
            file = Path(getattr(module, "__file__", None) or "-")
            if file.suffix == ".py" and _is_ours(module.__name__, file) and file.is_file():
                self.texts[file.absolute()] = file.read_bytes()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as Python does, and have its text noted."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            file = spec.loader.path
            if _is_ours(name, Path(file)):
                spec.loader = _Loader(name, file, self.texts)
        return spec

    def read(self, file: Path) -> bytes:
        """Return the text that a file's module was made of, or the file's content if it was not imported."""
        text = self.texts.get(file.absolute())
        return file.read_bytes() if text is None else text

    def edited(self) -> list[Path]:
        """Return the imported files that hold another text by now, or are gone."""
        return sorted(file for file, text in self.texts.items() if _content(file) != text)


def record_imports() -> ImportedTexts:
    """Note from now on what modules are made of; once in a process, a second call returns the same."""
    for finder in sys.meta_path:
        if isinstance(finder, ImportedTexts):
            return finder
    recorded = ImportedTexts()
    sys.meta_path.insert(0, recorded)
    return recorded


def _is_ours(name: str, file: Path) -> bool:
    """Return whether a module is neither of the standard library nor installed, but to announce plug-ins."""
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and (not is_installed(file) or top in announced())


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
