"""Whether a cell prunes is decided by its schedule: none runs unpruned unless its strategy says so."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from prunegrid import plugins
from prunegrid.cost.expected import expected_compute
from prunegrid.errors import ConfigError
from prunegrid.pruning.context import prune
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy
from tests.predict.runs import MODEL, cell, make_samples, run


@dataclass(frozen=True, kw_only=True)
class Given(Strategy):
    """Takes no ratio: its cuts are given."""

    has_ratio: ClassVar[bool] = False

    cuts: tuple = ((2, 0.25),)

    def solve(self, ratio, n_layers, *, seed=0, n_tokens=None):
        assert ratio is None
        return Schedule(n_layers, self.cuts)


@dataclass(frozen=True, kw_only=True)
class Quiet(Given):
    """Says that it does not prune."""

    prunes: ClassVar[bool] = False


@pytest.fixture
def own(monkeypatch):
    """Put plug-ins of our own under names of their own."""
    load = plugins.load
    kinds = {"given": Given, "quiet": Quiet}
    monkeypatch.setattr(plugins, "load", lambda kind, name: kinds.get(name) or load(kind, name))


def test_a_strategy_without_a_ratio_prunes_whatever_it_is_called(loaded, adapter, own):
    rows = run(loaded, adapter, make_samples(2), cell("given", "norm", 0.0))
    for row in rows:
        assert row["status"] == "ok"
        assert sorted(set(row["token_depth"])) == [2, 8]
        assert row["token_depth"].count(8) == row["n_image_tokens"] // 4


def test_a_schedule_without_cuts_is_refused(loaded, adapter, own):
    match = r"test_refusals.py: strategy 'test_refusals' has `prunes = True`, but .* no cuts"
    with pytest.raises(ConfigError, match=match):
        run(loaded, adapter, make_samples(1), cell("given", "norm", 0.0, cuts=()))
    with pytest.raises(ConfigError, match=match), prune(loaded.model, Given(cuts=()), "norm"):
        pass
    with pytest.raises(ConfigError, match=match):
        expected_compute(MODEL, "given", "norm", None, strategy_options={"cuts": ()})


def test_a_strategy_that_does_not_prune_must_not(loaded, adapter, own):
    (row,) = run(loaded, adapter, make_samples(1), cell("quiet", None, 0.0, cuts=()))
    assert set(row["token_depth"]) == {8}
    with pytest.raises(ConfigError, match=r"has `prunes = False`, but .* has cuts"):
        run(loaded, adapter, make_samples(1), cell("quiet", None, 0.0))


def test_who_prunes():
    built = {name: plugins.load("strategies", name) for name in plugins.names("strategies")}
    assert sorted(name for name, kind in built.items() if not kind.prunes) == [
        "downsample",
        "mismatched",
        "none",
    ]
    # An image that is exchanged, or left out, is neither a matter of names.
    assert {name for name, kind in built.items() if not kind.has_ratio} == {"mismatched", "none", "blind"}
