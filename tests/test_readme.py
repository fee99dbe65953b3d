"""What the README shows is what runs."""

import re
from pathlib import Path

from tests.readme import README, blocks
from tests.study.plans import planned
from tests.workflow.changes import CRITERION


def test_the_library_example_runs(capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    (example,) = [block for block in blocks("python") if "import prunegrid" in block]
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("[(1, ")


def test_the_criterion_shown_is_the_criterion_tested():
    (example,) = [block for block in blocks("python") if "class Distance" in block]
    assert example.split("\n", 1)[1] == CRITERION


def test_the_study_shown_is_valid(tmp_path):
    (overlay,) = blocks("yaml")
    (tmp_path / "my.yaml").write_text(overlay)
    grid = planned(tmp_path / "my.yaml").grid
    assert grid.unreachable == ()
    assert len({cell.benchmark for cell in grid.cells}) == 5


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
