"""A check passes for every family, on its own prompts."""

import pytest

from prunegrid.checks import measured_pace
from prunegrid.checks.check import check_subject
from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import Subject
from prunegrid.plugins import load
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker
from tests.families.available import FAMILIES_HERE
from tests.families.pictures import write_benchmark

# `tests/checks` has LLaVA's, whose own layers and positions LLaVA-NeXT's are but for its windows.
AS_OTHERS = ("llava", "llava_next")


def marked(family):
    """Return a family, marked where others are checked in its place."""
    return pytest.param(family, marks=[pytest.mark.exhaustive] * (family in AS_OTHERS))


@pytest.fixture
def subject(folder, tmp_path):
    loaded = load_model(str(folder), {})
    adapter = load("benchmarks", "vqa")({"adapter": "vqa", "path": str(write_benchmark(tmp_path / "data"))})
    return Subject(loaded, PromptMaker(loaded).prompts(adapter.samples(range(5))), batch_size=3)


@pytest.mark.parametrize("family", map(marked, FAMILIES_HERE), scope="module")
def test_it_passes(subject, monkeypatch):
    # Speed is measured in the same way for all.
    monkeypatch.setattr(measured_pace, "measured_pace", lambda subject: {})
    monkeypatch.setattr(measured_pace, "said_pace", lambda pace: Finding(measured_pace.STEP, None, ""))
    result = check_subject(subject)
    assert result.passed, str(result)
