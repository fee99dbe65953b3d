"""Where plug-ins lie: in this package, in folders of a user's own, in installed packages that announce it.

Each such folder has the subfolders `criteria`, `strategies`, `benchmarks`, `scorers`, `models` and `methods`,
or some of them. Those of a user are named by the environment variable PRUNEGRID_PLUGINS, which child
processes inherit; a study sets it from the key `plugins` of its configuration. An installed package announces
its folder by an entry point of the group `prunegrid.plugins`, whose value is a module in it.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from prunegrid.errors import ConfigError
from prunegrid.source.imports import GROUP, PACKAGE, announced, module_of

VARIABLE = "PRUNEGRID_PLUGINS"


@dataclass(frozen=True)
class PluginFolder:
    """A folder with a subfolder for each kind of plug-in.

    Attributes
    ----------
    path : Path
        Absolute.
    package : str
        The dotted name under which its files are imported, so that their relative imports work.
    """

    path: Path
    package: str

    def load(self, kind: str, name: str) -> ModuleType:
        """Import a file of the folder; errors are those of its code."""
        if self.package not in sys.modules and self.package == _package_of(self.path):
            spec = ModuleSpec(self.package, None, is_package=True)
            spec.submodule_search_locations = [str(self.path)]
            sys.modules[self.package] = importlib.util.module_from_spec(spec)
        return importlib.import_module(f"{self.package}.{kind}.{name}")


def plugin_folders() -> list[PluginFolder]:
    """Return all folders of plug-ins, this package's first.

    Raises
    ------
    ConfigError
        If one is not there, naming who asked for it.
    """
    return [PluginFolder(PACKAGE, PACKAGE.name), *_own(os.environ.get(VARIABLE, "")), *_announced()]


@cache
def _own(value: str) -> tuple[PluginFolder, ...]:
    paths = [Path(path).absolute() for path in dict.fromkeys(value.split(os.pathsep)) if path]
    for path in paths:
        if not path.is_dir():
            raise ConfigError(f"{VARIABLE}: {path} is no folder")
    return tuple(PluginFolder(path, _package_of(path)) for path in paths)


@cache
def _announced() -> tuple[PluginFolder, ...]:
    found = []
    for module in (name for names in announced().values() for name in names):
        place = module_of(Path(), 0, module)
        if place is None:
            raise ConfigError(f"the entry point {module!r} of group {GROUP!r} is no module that can be found")
        if place.is_dir():
            found.append(PluginFolder(place, module))
        elif "." not in module:
            raise ConfigError(
                f"the entry point {module!r} of group {GROUP!r} is one file, {place}: right is a package "
                "with subfolders criteria/, strategies/, benchmarks/, scorers/, models/ or methods/, or a "
                "module in it"
            )
        else:
            found.append(PluginFolder(place.parent, module.rpartition(".")[0]))
    return tuple(found)


def _package_of(path: Path) -> str:
    """Return the name of the package that stands for a folder of no package: another one for each folder."""
    return f"prunegrid_plugins_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
