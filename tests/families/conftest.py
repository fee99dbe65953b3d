"""Checkpoints of every family, saved once; families whose packages are missing are named."""

import importlib
import os

import pytest

from prunegrid.predict.loading import load_model
from prunegrid.pruning.families import family_of
from tests.families.checkpoints import RECIPES, build

# `make test-families` sets it: there, nothing may be missing.
ALL = "PRUNEGRID_ALL_FAMILIES"


def missing(name):
    """Return why a family cannot be loaded here, None if it can."""
    for package in family_of(name).packages:
        try:
            importlib.import_module(package)
        except (ImportError, RuntimeError) as error:
            return f"{name}: its processor needs {package} ({error}); `make test-families` runs its tests"
    return None


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Return a function: family -> the folder of its checkpoint."""
    folders = {}

    def folder(name):
        if reason := missing(name):
            pytest.fail(reason) if os.environ.get(ALL) else pytest.skip(reason)
        if name not in folders:
            folders[name] = build(name, tmp_path_factory.mktemp(name))
        return folders[name]

    return folder


# Those that cannot be loaded here are skipped by name once, in `test_packages.py`.
FAMILIES_HERE = [name for name in RECIPES if os.environ.get(ALL) or not missing(name)]


@pytest.fixture(scope="module", params=FAMILIES_HERE)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def folder(family, checkpoint):
    return checkpoint(family)


@pytest.fixture(scope="module")
def loaded(folder):
    # Eager: `FlopCounterMode` does not know the fused attention of a CPU.
    return load_model(str(folder), {"attn_implementation": "eager"})
