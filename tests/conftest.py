"""Tests run single-threaded: their models are tiny, and waiting threads cost more than they bring."""

import pytest
import torch

# Its assertions are those of tests, and show what differs as theirs do.
pytest.register_assert_rewrite("tests.predict.runs")
torch.set_num_threads(1)
