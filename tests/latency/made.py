"""A bench on the demo model, a few cells, and an adapter of drawings."""

from prunegrid.latency.measure import Bench, HowToMeasure
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.requests import CellRun
from tests.predict.runs import make_samples

HOW = HowToMeasure(batch_sizes=(1, 2), samples=3, warmups=1, tokens=4)


class Drawings:
    """What the bench asks of an adapter."""

    free_text = False

    def __init__(self, n):
        self._samples = make_samples(n)

    def __len__(self):
        return len(self._samples)

    def samples(self, positions):
        return [self._samples[position] for position in positions]


def cell(strategy, criterion, ratio, **options):
    axes = {"strategy": strategy, "criterion": criterion or "none", "ratio": ratio, "seed": 0}
    how = (criterion, {}) if criterion else None
    return CellRun("", "", strategy, axes, (strategy, options), how)


def cells():
    """Return the unpruned cell and two others, whose cuts fit the demo model."""
    return [
        cell("none", None, 0.0),
        cell("hierarchical", "attention", 0.5, layers=(1, 2)),
        cell("exit", None, 0.5),
    ]


def bench(loaded, how=HOW):
    """Return a bench of a model."""
    return Bench(loaded, PromptMaker(loaded), how)
