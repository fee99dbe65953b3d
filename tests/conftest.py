"""Tests run single-threaded: their models are tiny, and waiting threads cost more than they bring."""

from pathlib import Path

import pytest
import torch

# Its assertions are those of tests, and show what differs as theirs do.
pytest.register_assert_rewrite("tests.predict.runs")
torch.set_num_threads(1)

# What takes longest begins first, lest one worker is left with it when the others have nothing more to do.
LONGEST = (
    "workflow/test_reruns.py",
    "pruning/test_oracle.py",
    "cost/test_family_ledgers.py",
    "workflow/",
    "test_own_benchmark.py",
    "pruning/test_families.py",
    "pruning/test_invariance.py",
    "families/",
)


def pytest_configure(config):
    if config.pluginmanager.hasplugin("xdist"):
        # It would begin with the files of most tests.
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    def place(item):
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((n for n, start in enumerate(LONGEST) if name.startswith(start)), len(LONGEST))

    items.sort(key=place)
