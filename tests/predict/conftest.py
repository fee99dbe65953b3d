import pytest

from prunegrid import plugins
from prunegrid.predict.loading import load_model
from tests.predict.runs import MODEL


@pytest.fixture(scope="module")
def loaded():
    return load_model(str(MODEL), {})


@pytest.fixture(scope="module")
def adapter():
    return plugins.load("benchmarks", "pope")({"adapter": "pope", "path": "unread.parquet"})
