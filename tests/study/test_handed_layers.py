"""What cannot score where a strategy cuts is left out of the grid, with the criterion's name."""

import json
import subprocess
import sys

import pytest

from prunegrid.errors import ConfigError, PruningError
from prunegrid.plugins import build, names
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.vision_maps import OF_CLASS_TOKEN
from prunegrid.study.config import validate
from prunegrid.study.grid import expand
from prunegrid.study.handed_layers import cannot_score, scored_by
from prunegrid.study.plan import Plan
from tests.study.plans import HOME, SCHEMA, configuration

FROM_THE_INPUT = Schedule(8, ((0, 0.8), (3, 0.5), (5, 0.2)))


@pytest.mark.parametrize(
    ("name", "options", "fault"),
    [
        ("norm", {}, None),
        ("attention_own", {}, None),
        ("attention_last", {}, "'attention_last' cannot score before layer 0, only from layer 1 on"),
        ("attention", {}, "'attention_shallow' cannot score before layer 0"),
        ("staged", {"shallow": "norm"}, None),
        ("staged", {"shallow": "norm", "deep": "random"}, None),
        ("staged", {"parts": ["norm_input", "attention_last", "attention_own"]}, None),
        (
            "staged",
            {"parts": ["attention_last", "norm", "norm"]},
            "'attention_last' cannot score before layer 0",
        ),
        ("pool", {}, "'pool' cannot score before layer 3, only before the first cut, layer 0"),
        ("staged", {"parts": ["pool", "norm", "attention_own"]}, None),
        ("staged", {"parts": ["norm", "norm", "pool"]}, "'pool' cannot score before layer 5"),
        (
            "staged",
            {"parts": ["norm", "norm"]},
            "parts names 2 criteria, but there are 3 cuts, before layers 0, 3, 5",
        ),
    ],
)
def test_the_plan_says_what_the_engine_says(name, options, fault):
    found = cannot_score(name, options, FROM_THE_INPUT)
    built = build("criteria", name, options)
    if fault is None:
        assert found is None
        for layer, _ in FROM_THE_INPUT.cuts:
            who = built.ranking(layer, FROM_THE_INPUT).criterion
            plugin, _, _ = scored_by(name, options, layer, FROM_THE_INPUT)
            assert type(who) is type(build("criteria", plugin))
    else:
        assert fault in found
        with pytest.raises(PruningError) as told:
            built.scored_by(FROM_THE_INPUT)
        assert str(told.value) == found


def test_the_rest_of_the_grid_is_run():
    config = validate(
        configuration(strategies=["input", "single"], criteria=["attention_last", "norm"], exclude=[]), SCHEMA
    )
    grid = expand(config, {"m": 8})
    ran = {(cell.strategy, cell.criterion) for cell in grid.cells}
    assert {("input", "norm"), ("single", "norm"), ("single", "attention_last")} <= ran
    assert ("input", "attention_last") not in ran
    (reason,) = {one.reason for one in grid.unreachable if one.strategy == "input"}
    assert "'attention_last' cannot score before layer 0" in reason


def test_options_that_list_criteria_are_checked():
    with pytest.raises(ConfigError, match=r"staged\.options\.parts: unknown criterion 'nrom'.*norm"):
        validate(
            configuration(
                criteria=["staged"], criterion_specs={"staged": {"options": {"parts": ["norm", "nrom"]}}}
            ),
            SCHEMA,
        )


def test_a_part_has_a_merge_of_its_own():
    options = {"parts": ["norm", "first"], "merges": ["average", "drop"], "reverse": True}
    schedule = Schedule(8, ((0, 0.5), (4, 0.2)))
    assert [scored_by("staged", options, layer, schedule) for layer in (0, 4)] == [
        ("norm", {"merge": "average"}, True),
        ("first", {"merge": "drop"}, True),
    ]


def test_no_torch_is_imported():
    code = (
        "import sys; from prunegrid.study.handed_layers import cannot_score; "
        "from prunegrid.pruning.schedule import Schedule; "
        "assert cannot_score('attention', {}, Schedule(8, ((0, 0.5),))); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def tower_plan(tmp_path, monkeypatch, tower, **specs):
    """Return the grid of a study on a LLaVA with such a tower, of which there is a config.json alone."""
    monkeypatch.chdir(tmp_path)
    text = {"model_type": "llama", "num_hidden_layers": 8}
    config = {"model_type": "llava", "text_config": text, "vision_config": {"model_type": tower}}
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text(json.dumps(config))
    changes = {
        "model_specs": {"m": {"path": "model"}},
        "strategies": ["input"],
        "criteria": ["cls_attention", "norm_input", "mine"],
        "criterion_specs": {"mine": {"type": "staged", "options": {"parts": ["cls_attention"]}}},
    }
    return Plan(validate(configuration(**{**changes, **specs}), SCHEMA), HOME).grid


def test_a_tower_without_a_class_token_leaves_out_what_reads_it(tmp_path, monkeypatch):
    grid = tower_plan(tmp_path, monkeypatch, "siglip_vision_model")
    assert {cell.criterion for cell in grid.cells} == {"none", "norm_input"}
    assert {one.criterion: one.reason for one in grid.unreachable} == {
        name: f"criterion {name!r} reads the class token of the vision tower, and that of llava has none: "
        "tower_attention_received reads what patches attend to"
        for name in ("cls_attention", "mine")
    }


def test_a_tower_with_a_class_token_leaves_out_nothing(tmp_path, monkeypatch):
    grid = tower_plan(tmp_path, monkeypatch, "clip_vision_model")
    assert {cell.criterion for cell in grid.cells} == {"none", "cls_attention", "norm_input", "mine"}


@pytest.mark.parametrize("name", names("criteria"))
def test_what_is_said_of_class_tokens_is_what_is_read(name):
    read = {one.kind for one in build("criteria", name).vision_maps()}
    assert type(build("criteria", name)).needs_class_token == bool(read & {*OF_CLASS_TOKEN})
