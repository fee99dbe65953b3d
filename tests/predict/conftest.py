import pytest

from prunegrid import plugins
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker
from tests.predict.runs import MODEL, make_samples
from tests.rounding import FACTOR, logits_noise


@pytest.fixture(scope="module")
def loaded():
    return load_model(str(MODEL), {})


@pytest.fixture(scope="module")
def adapter():
    return plugins.load("benchmarks", "pope")({"adapter": "pope", "path": "unread.parquet"})


@pytest.fixture(scope="module")
def tolerance(loaded):
    """How far two ways to the same logits may lie apart."""
    maker = PromptMaker(loaded)
    batches = [
        loaded.processor(images=sample.image, text=maker.chat_text(sample.prompt), return_tensors="pt")
        for sample in make_samples(6)
    ]
    return FACTOR * logits_noise(loaded.model, map(dict, batches))
