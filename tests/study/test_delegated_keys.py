"""A study's keys and labels count every part that a criterion of one's own hands layers to."""

import pytest

from prunegrid import plugins
from prunegrid.plugin_folders import VARIABLE
from prunegrid.pruning.schedule import Schedule
from prunegrid.study.config import validate
from prunegrid.study.grid import is_stochastic, needs_answer
from prunegrid.study.plan import Plan
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration

THIRDS = '''"""Three parts, one after the other."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid import Criterion, Schedule
from prunegrid.plugins import build


@dataclass(frozen=True, kw_only=True)
class Thirds(Criterion):
    """Parts under names of its own."""

    delegates: ClassVar[tuple[str, ...]] = ("early", "middle", "late")

    early: str = "norm"
    middle: str = "steady"
    late: str = "last"

    def resolve(self, layer: int, schedule: Schedule) -> Criterion:
        """Return the part of the layer's third."""
        third = 3 * layer // schedule.n_layers
        return build("criteria", (self.early, self.middle, self.late)[third])
'''
STEADY = '''"""A part that nothing else uses."""

from prunegrid import Criterion


class Steady(Criterion):
    """The same score for all."""

    cost = "image_rows"

    def score(self, stage):
        """Return zeros."""
        return 0 * stage.numbers.float()
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of plug-ins that the study reads."""
    for name, text in (("thirds", THIRDS), ("steady", STEADY)):
        file = tmp_path / f"plugins/criteria/{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    worlds.write(tmp_path / "data.parquet", "pope")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "plugins"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "plugins/criteria"


def planned(**specs):
    config = configuration(
        model_specs={"m": {"path": str(HOME / "demo/model")}},
        strategies=["single"],
        strategy_specs={},
        criteria=["thirds", "norm"],
        criterion_specs={"thirds": {"options": specs}},
        ratios=[0.5],
    )
    return Plan(validate(config, SCHEMA), HOME)


def keys(**specs):
    plan = planned(**specs)
    return {cell.criterion: plan.keys.prediction_key(cell) for cell in plan.grid.cells}


def test_an_edited_part_changes_the_key_of_what_hands_on_to_it(folder):
    before = keys()
    (folder / "steady.py").write_text(STEADY.replace("0 *", "1 *"))
    after = keys()
    assert before["thirds"] != after["thirds"]
    assert before["norm"] == after["norm"]
    # A part that is replaced does not count any more.
    other = keys(middle="last")
    (folder / "steady.py").write_text(STEADY)
    assert keys(middle="last") == other
    assert other["thirds"] not in (before["thirds"], after["thirds"])


def test_labels_are_those_of_the_parts(folder):
    for options, stochastic, answer in (
        ({}, False, False),
        ({"middle": "random"}, True, False),
        ({"late": "gradient_other"}, False, True),
    ):
        config = planned(**options).config
        assert is_stochastic(config, "thirds") == stochastic
        assert needs_answer(config, "thirds") == answer


def test_the_parts_are_named_as_a_configuration_names_them(folder):
    schedule = Schedule(9, ((1, 0.8), (4, 0.5), (7, 0.2)))
    assert plugins.build("criteria", "thirds").scored_by(schedule) == [
        (1, "norm", "hidden"),
        (4, "steady", "image_rows"),
        (7, "last", None),
    ]
