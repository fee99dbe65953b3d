"""Checkpoints of every family, saved once."""

import pytest

from prunegrid.predict.loading import load_model
from tests.families.available import ALL, FAMILIES_HERE, missing
from tests.families.checkpoints import build


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Return a function: family -> the folder of its checkpoint."""
    folders = {}

    def folder(name):
        if reason := missing(name):
            pytest.fail(reason) if ALL else pytest.skip(reason)
        if name not in folders:
            folders[name] = build(name, tmp_path_factory.mktemp(name))
        return folders[name]

    return folder


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
