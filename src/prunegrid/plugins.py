"""Plug-ins found by name: `criteria/norm.py` is the criterion `norm`, and so for every other kind.

They lie in the folders of `prunegrid.plugin_folders`. A plug-in file defines one public class that derives
from the base of its kind and takes its options as dataclass fields; files whose names begin with an
underscore are helpers. Looking at names and at literal class attributes reads the source only, so that
planning a grid never imports torch.
"""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from prunegrid.errors import ConfigError
from prunegrid.nearest import nearest
from prunegrid.option_types import field_types, option_faults
from prunegrid.plugin_folders import PluginFolder, plugin_folders
from prunegrid.source.classes import ClassSource, imported_class, public_classes
from prunegrid.source.imports import PACKAGE

# Kind, which is the name of its folder -> the public name of its base class.
_BASES = {
    "criteria": "Criterion",
    "strategies": "Strategy",
    "benchmarks": "Adapter",
    "scorers": "Scorer",
    "models": "Family",
    "methods": "Method",
}
KINDS = tuple(_BASES)
_SINGULAR = {
    "criteria": "criterion",
    "strategies": "strategy",
    "benchmarks": "adapter",
    "scorers": "scorer",
    "models": "model family",
    "methods": "method",
}


class Plugin:
    """Base of all plug-ins, of every kind."""


def name_of(plugin: Plugin) -> str:
    """Return the name of a plug-in: its file's."""
    return type(plugin).__module__.rpartition(".")[2]


def names(kind: str) -> list[str]:
    """Return the names of all plug-ins of a kind, sorted."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of plug-in {kind!r}: {nearest(kind, KINDS)}")
    files = (file for folder in plugin_folders() for file in (folder.path / kind).glob("*.py"))
    return sorted({file.stem for file in files if _is_plugin(file)})


def path(kind: str, name: str) -> Path:
    """Return the file of plug-in `name`.

    Raises
    ------
    ConfigError
        If there is none, with the valid names, or if there are two, naming both.
    """
    return _found(kind, name)[1]


def _found(kind: str, name: str) -> tuple[PluginFolder, Path]:
    files = ((folder, folder.path / kind / f"{name}.py") for folder in plugin_folders())
    found = [(folder, file) for folder, file in files if _is_plugin(file) and file.is_file()]
    if not found:
        raise ConfigError(f"unknown {_SINGULAR[kind]} {name!r}: {nearest(name, names(kind))}")
    if len(found) > 1:
        first, second = found[0][1], found[1][1]
        raise ConfigError(
            f"{_SINGULAR[kind]} {name!r} exists twice, in {first} and {second}: rename one file"
        )
    return found[0]


def _is_plugin(file: Path) -> bool:
    return not file.stem.startswith("_")


def load(kind: str, name: str) -> type:
    """Import plug-in `name` and return its class.

    Raises
    ------
    ConfigError
        If there is none, its file cannot be imported, or does not define one class of its kind.
    """
    folder, _ = _found(kind, name)
    return _loaded(folder, kind, name)


@cache
def _loaded(folder: PluginFolder, kind: str, name: str) -> type:
    file = folder.path / kind / f"{name}.py"
    source = class_source(kind, file)
    try:
        found: type = getattr(folder.load(kind, name), source.name)
    except Exception as error:
        raise ConfigError(f"{file}: cannot be imported: {type(error).__name__}: {error}") from error
    return found


def build(kind: str, name: str, options: dict[str, Any] | None = None) -> Any:
    """Return an instance of plug-in `name`.

    Raises
    ------
    ConfigError
        Naming an option that it does not take, or one of another type.
    """
    plugin = load(kind, name)
    valid = inspect.signature(plugin).parameters
    for key in options or {}:
        if key not in valid:
            raise ConfigError(f"{_SINGULAR[kind]} {name!r} has no option {key!r}: {nearest(key, valid)}")
    for key, fault in option_faults(options or {}, field_types(plugin)).items():
        raise ConfigError(f"{_SINGULAR[kind]} {name!r}: {key}: {fault}")
    try:
        return plugin(**(options or {}))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{_SINGULAR[kind]} {name!r}: {error}") from error


def base_of(kind: str) -> ClassSource:
    """Return the class that plug-ins of a kind derive from."""
    base = imported_class(Path(), 0, PACKAGE.name, _BASES[kind])
    assert base is not None
    return base


def class_source(kind: str, file: Path) -> ClassSource:
    """Return the one public class of a plug-in file, without importing it.

    Raises
    ------
    ConfigError
        Naming the file, if it is no Python, or defines none, several, or one of another kind.
    """
    found = {source: _kind_of(source) for source in public_classes(file)}
    plugins = {source: of for source, of in found.items() if of is not None}
    base = f"prunegrid.{_BASES[kind]}"
    wanted = f"a file in {kind}/ defines exactly one public class, derived from {base}"
    if not plugins:
        others = ", ".join(source.name for source in found) or "no public class"
        raise ConfigError(f"{file}: {wanted}; found {others}" + (", derived from no base" if found else ""))
    if len(plugins) > 1:
        raise ConfigError(f"{file}: {wanted}; found {', '.join(source.name for source in plugins)}")
    (source, of), *_ = plugins.items()
    if of != kind:
        raise ConfigError(
            f"{file}: {wanted}; found {source.name}, derived from prunegrid.{_BASES[of]}: "
            f"such a file belongs into {of}/"
        )
    return source


def _kind_of(source: ClassSource) -> str | None:
    lineage = source.lineage()
    return next((kind for kind in KINDS if base_of(kind) in lineage), None)


def describe(kind: str, name: str) -> dict[str, Any]:
    """Return the literal class attributes and option names of a plug-in, without importing it.

    Follows base classes wherever their source can be found.

    Returns
    -------
    dict
        Attribute or option -> literal (default) value; under `options` the set of option names, under `types`
        their annotations.
    """
    return _described(kind, path(kind, name))


@cache
def _described(kind: str, file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"options": set(), "types": {}}
    for source in reversed(class_source(kind, file).lineage()):
        for name, attribute in source.attributes.items():
            if not attribute.is_class_variable:
                found["options"].add(name)
                found["types"][name] = attribute.annotation
            if attribute.value is not None:
                try:
                    found[name] = ast.literal_eval(attribute.value)
                except (ValueError, TypeError):
                    # The base's value is not this class's.
                    found.pop(name, None)
    return found


def handed_to(described: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Return the plug-ins that options of another one name, those of its `delegates`: each one or several.

    Parameters
    ----------
    described : mapping
        What `describe` returns of it.
    options : mapping
        Its options; those that are not given have their defaults.
    """
    named = (options.get(option, described.get(option)) for option in described.get("delegates", ()))
    return [name for one in named for name in (one if isinstance(one, list | tuple) else [one])]


def class_names(kind: str) -> dict[str, str]:
    """Return class -> name of this package's own plug-ins of a kind, without importing them."""
    own = sorted(file for file in (PACKAGE / kind).glob("*.py") if _is_plugin(file))
    return {class_source(kind, file).name: file.stem for file in own}


def load_class(kind: str, class_name: str) -> type:
    """Import the plug-in of a class's name and return the class; for a folder's `__getattr__`.

    Raises
    ------
    AttributeError
        If no plug-in of the kind has such a class.
    """
    known = class_names(kind)
    if class_name not in known:
        hint = nearest(class_name, known)
        raise AttributeError(f"module 'prunegrid.{kind}' has no attribute {class_name!r}: {hint}")
    return load(kind, known[class_name])
