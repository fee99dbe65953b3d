"""A check passes for every family, on its own prompts."""

import pytest

from prunegrid.checks import throughput
from prunegrid.checks.check import check_subject
from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import Subject
from prunegrid.plugins import load
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker
from tests.families.pictures import write_benchmark


@pytest.fixture
def subject(folder, tmp_path):
    loaded = load_model(str(folder), {})
    adapter = load("benchmarks", "vqa")({"adapter": "vqa", "path": str(write_benchmark(tmp_path / "data"))})
    return Subject(loaded, PromptMaker(loaded).prompts(adapter.samples(range(5))), batch_size=3)


def test_it_passes(subject, monkeypatch):
    # Speed is measured in the same way for all.
    monkeypatch.setattr(throughput, "measured_pace", lambda subject: {})
    monkeypatch.setattr(throughput, "throughput", lambda pace: Finding(throughput.STEP, None, ""))
    result = check_subject(subject)
    assert result.passed, str(result)
