"""Plug-ins from outside the package: the folders that the configuration's key `plugins` names."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from prunegrid import plugins
from prunegrid.errors import ConfigError
from prunegrid.files import expanded
from prunegrid.plugin_folders import VARIABLE


def use_plugins(value: Any, home: Path) -> None:
    """Let this process and those that it starts find the plug-ins of folders.

    Parameters
    ----------
    value : list of str, or its text in YAML
        The configuration's key `plugins`, before it is validated. What is no list of paths is left to the
        schema to refuse.
    home : Path
        Folder of the Snakefile: relative paths that do not exist in the working directory are looked up
        there.

    Raises
    ------
    ConfigError
        If a folder is missing or holds no plug-in, or a name exists twice, with both files.
    """
    try:
        found = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        found = None
    paths = found if isinstance(found, list) and all(isinstance(one, str) for one in found) else []
    if paths:
        # Without any, what the user exported stands.
        os.environ[VARIABLE] = os.pathsep.join(str(_folder(path, home)) for path in paths)
    try:
        for kind in plugins.KINDS:
            for name in plugins.names(kind):
                plugins.path(kind, name)
    except ConfigError as error:
        raise ConfigError(f"plugins: {error}") from error


def _folder(path: str, home: Path) -> Path:
    """Return the absolute folder that a path means, which holds at least one plug-in."""
    at = expanded(path)
    places = [at] if at.is_absolute() else [Path.cwd() / at, home / at]
    folder = next((place.resolve() for place in places if place.is_dir()), None)
    if folder is None:
        raise ConfigError(f"plugins: {path!r} is no folder: looked for {_listed(places)}")
    if not any(file for kind in plugins.KINDS for file in folder.glob(f"{kind}/[!_]*.py")):
        subfolders = _listed(sorted(one.name for one in folder.iterdir() if one.is_dir())) or "none"
        wanted = ", ".join(f"{kind}/" for kind in plugins.KINDS)
        raise ConfigError(
            f"plugins: {folder} holds no plug-in: right are files <name>.py in its subfolders {wanted}; "
            f"found the subfolders {subfolders}"
        )
    return folder


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
