"""One model for all tests of this folder; where there is no GPU, each test is named as not run."""

import gc

import pytest
import torch

from prunegrid import plugins
from prunegrid.predict.loading import load_model
from tests.gpu import figures
from tests.gpu.checkpoint import write_checkpoint
from tests.gpu.sizes import DEVICE, HALF, HAS_DEVICE, NOT_RUN, SIZE
from tests.predict.runs import make_samples


def pytest_collection_modifyitems(items):
    if not HAS_DEVICE:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=NOT_RUN))


def pytest_terminal_summary(terminalreporter):
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if NOT_RUN in str(report.longrepr)
    ]
    for report in skipped:
        terminalreporter.write_line(f"{report.nodeid}: {NOT_RUN}")
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests need a GPU and were not run")
    if figures.FOUND:
        terminalreporter.section(f"figures of {figures.device_name()}, written to {figures.FILE}")
        for name, value in figures.FOUND.items():
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("gpu") / "model", SIZE)


@pytest.fixture(scope="session", params=HALF)
def dtype(request):
    """Return a precision of 16 bit; tests of one run together, and load the model once."""
    return request.param


@pytest.fixture(scope="session")
def load(checkpoint):
    """Return what loads the model in a precision, one at a time."""
    held = {}

    def loaded(dtype, attention="sdpa"):
        if (dtype, attention) not in held:
            held.clear()
            gc.collect()
            if DEVICE == "cuda":
                torch.cuda.empty_cache()
            spec = {"dtype": dtype, "attn_implementation": attention}
            held[dtype, attention] = load_model(str(checkpoint), spec)
        return held[dtype, attention]

    return loaded


@pytest.fixture(scope="session")
def adapter():
    return plugins.load("benchmarks", "pope")({"adapter": "pope", "path": "unread.parquet"})


@pytest.fixture(scope="session")
def samples():
    return make_samples(SIZE.samples)
