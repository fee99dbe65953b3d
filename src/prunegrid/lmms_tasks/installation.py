"""Where task files lie, and how what a task needs is installed."""

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from prunegrid.errors import ConfigError
from prunegrid.files import expanded

PACKAGE = "lmms_eval"
# The release that docs/tasks.md was made with.
RELEASE = "0.7.3"
# Without its dependencies, which are those of its harness: the extra `tasks` has what task files import.
INSTALL = f"pip install --no-deps lmms-eval=={RELEASE} && pip install 'prunegrid[tasks]'"
# Where the name of an import is not that of its package.
_PACKAGES = {
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "Levenshtein": "Levenshtein",
    "bs4": "beautifulsoup4",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}
_TASK_FILES = "*.yaml"


@cache
def tasks_folder(include_path: str | None = None) -> Path:
    """Return the folder of task files: one of the user's own, or that of the installed lmms-eval.

    Raises
    ------
    ConfigError
        If it is not there, with the command that installs it.
    """
    if include_path is not None:
        folder = expanded(include_path).absolute()
        if not any(folder.rglob(_TASK_FILES)):
            raise ConfigError(f"include_path: {folder} must be a folder that holds task files, {_TASK_FILES}")
        return folder
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ConfigError(f"the package lmms-eval is not installed: {INSTALL}")
    return Path(next(iter(found.submodule_search_locations)), "tasks")


def release() -> str | None:
    """Return the version of the installed lmms-eval; None if there is none."""
    try:
        return version("lmms-eval")
    except PackageNotFoundError:
        return None


def how_to_install(module: str) -> str:
    """Return the command that installs the package of a top-level module."""
    name = module.split(".")[0]
    if name == PACKAGE:
        return INSTALL
    return f"pip install {_PACKAGES.get(name, re.sub('_', '-', name))}"
