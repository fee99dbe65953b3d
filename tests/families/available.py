"""Which families can be loaded here: those whose packages are missing are named."""

import importlib
import os

from prunegrid.pruning.families import family_of
from tests.families.checkpoints import RECIPES

# `make test-families` sets it: there, nothing may be missing.
ALL = bool(os.environ.get("PRUNEGRID_ALL_FAMILIES"))


def missing(name):
    """Return why a family cannot be loaded here, None if it can."""
    for package in family_of(name).packages:
        try:
            importlib.import_module(package)
        except (ImportError, RuntimeError) as error:
            return f"{name}: its processor needs {package} ({error}); `make test-families` runs its tests"
    return None


# Those that cannot be loaded here are skipped by name once, in `test_packages.py`.
FAMILIES_HERE = [name for name in RECIPES if ALL or not missing(name)]
