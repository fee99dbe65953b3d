"""What the README shows is what runs."""

import inspect
import re
from pathlib import Path

import prunegrid
from prunegrid import plugins
from prunegrid.plugin_folders import VARIABLE
from tests.readme import README, blocks
from tests.study.plans import planned
from tests.workflow.changes import CRITERION

GUIDE = (Path(__file__).parents[1] / "docs/plugins.md").read_text(encoding="utf-8")


def test_the_library_example_runs(capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    (example,) = [block for block in blocks("python") if "import prunegrid" in block]
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("[(1, ")


def test_the_criterion_shown_is_the_criterion_tested():
    (example,) = [block for block in blocks("python") if "class Distance" in block]
    assert example.split("\n", 1)[1] == CRITERION
    assert example in GUIDE


def test_the_kinds_of_plugins_are_shown_with_their_signatures():
    shown = re.findall(r"^\| [\w ]+, `(\w+)/` \| `prunegrid\.(\w+)` \| (.*) \|$", README, re.M)
    assert [kind for kind, *_ in shown] == list(plugins.KINDS)
    for kind, name, defines in shown:
        base = getattr(prunegrid, name)
        assert issubclass(plugins.load(kind, plugins.names(kind)[0]), base)
        for method, arguments in re.findall(r"`(\w+)\(([\w, ]+)\) -> ", defines):
            parameters = inspect.signature(getattr(base, method)).parameters
            assert list(parameters) == ["self", *arguments.split(", ")], method


def test_the_study_shown_is_valid(tmp_path):
    (overlay,) = [block for block in blocks("yaml") if block.startswith("# my.yaml")]
    (tmp_path / "my.yaml").write_text(overlay)
    grid = planned(tmp_path / "my.yaml").grid
    assert grid.unreachable == ()
    assert len({cell.benchmark for cell in grid.cells}) == 5


def test_the_small_study_shown_is_valid(tmp_path, monkeypatch):
    (overlay,) = [block for block in blocks("yaml") if block.startswith("# my/distance.yaml")]
    file = tmp_path / "my/plugins/criteria/distance.py"
    file.parent.mkdir(parents=True)
    file.write_text(CRITERION)
    (tmp_path / "distance.yaml").write_text(overlay)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "my/plugins"))
    plan = planned(tmp_path / "distance.yaml")
    assert plan.grid.unreachable == ()
    assert {cell.benchmark for cell in plan.grid.cells} == {"shapes-pope"}
    assert "distance" in {cell.criterion for cell in plan.grid.cells}


def test_every_strategy_and_criterion_is_listed():
    (row,) = [line for line in README.splitlines() if line.startswith("| `hierarchical`")]
    named = set(re.findall(r"`(\w+)`", row))
    assert named == {*plugins.names("strategies"), *plugins.names("criteria")}


def test_no_target_is_taken_for_a_file_of_configuration():
    """--configfile takes all that follows it, so a target stands before it."""
    home = Path(__file__).parents[1]
    for file in (home / "README.md", *(home / "docs").glob("*.md"), *(home / "config").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"--configfile(?: +\S+\.yaml)+ +(download|compute_plan|demo_model)", text), file


def test_commands_exist():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    for target in re.findall(r"\bmake ([\w-]+)", README):
        assert f"\n{target}:" in makefile
