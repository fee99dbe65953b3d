"""Tests run single-threaded: their models are tiny, and waiting threads cost more than they bring. Where
OMP_NUM_THREADS is set, they have as many as it says.

Those marked `exhaustive` are further cases of what the others cover. `make test-all` runs them too; elsewhere
the last lines say how many were left to it.
"""

import os
from pathlib import Path

import pytest
import torch

from tests.once import run_folder

# Its assertions are those of tests, and show what differs as theirs do.
pytest.register_assert_rewrite("tests.predict.runs")
if "OMP_NUM_THREADS" not in os.environ:
    torch.set_num_threads(1)

# What takes longest begins first, lest one worker is left with it when the others have nothing more to do.
LONGEST = (
    "workflow/test_reruns.py",
    "pruning/test_oracle.py",
    "workflow/test_faults.py",
    "families/test_path.py",
    "cost/test_family_ledgers.py",
    "workflow/",
    "test_own_benchmark.py",
    "pruning/test_families.py",
    "pruning/test_invariance.py",
    "families/",
    "scoring/test_captions.py",
)
ALL = "PRUNEGRID_EXHAUSTIVE"
LEFT = pytest.StashKey[int]()


def pytest_configure(config):
    config.stash[LEFT] = 0
    # Workers, which are started later, share it.
    run_folder()
    if config.pluginmanager.hasplugin("xdist"):
        # It would begin with the files of most tests.
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config, items):
    if not os.environ.get(ALL):
        left = [item for item in items if item.get_closest_marker("exhaustive")]
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
        config.stash[LEFT] = len(left)
        config.hook.pytest_deselected(items=left)

    def place(item):
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((n for n, start in enumerate(LONGEST) if name.startswith(start)), len(LONGEST))

    items.sort(key=place)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = session.config.stash[LEFT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    # Every worker collects all tests.
    node.config.stash[LEFT] = max(node.config.stash[LEFT], getattr(node, "workeroutput", {}).get("left", 0))


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[LEFT]:
        terminalreporter.write_line(
            f"NOT RUN: {config.stash[LEFT]} further cases of what was run: make test-all", yellow=True
        )
