"""Tests run single-threaded: their models are tiny, and waiting threads cost more than they bring."""

import torch

torch.set_num_threads(1)
