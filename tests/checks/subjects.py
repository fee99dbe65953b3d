"""Subjects of checks: the demo model on drawings, and what an engine is made to do wrong."""

import torch

from prunegrid.checks.subject import Subject
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker
from tests.predict.runs import MODEL, make_samples

IMAGE_TOKENS = 64


def demo(dtype="float32", n_samples=4, batch_size=2):
    """Return the demo model in a dtype, with prompts of several lengths."""
    loaded = load_model(str(MODEL), {"dtype": dtype})
    prompts = PromptMaker(loaded).prompts(make_samples(n_samples))
    return Subject(loaded, prompts, batch_size, IMAGE_TOKENS)


def unscaled(gradient, peak):
    """Stand in for `gradients._scaled`: nothing is made larger."""
    return gradient, torch.zeros(len(gradient), dtype=torch.int32)
