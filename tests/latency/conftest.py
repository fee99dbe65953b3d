import pytest

from prunegrid.predict.loading import load_model
from tests.predict.runs import MODEL


@pytest.fixture(scope="session")
def loaded():
    return load_model(str(MODEL), {})
