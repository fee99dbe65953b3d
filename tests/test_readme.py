"""What the README shows is what runs."""

import re
from pathlib import Path

from tests.workflow import test_reruns

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_library_example_runs(capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    (example,) = [block for block in blocks("python") if "import prunegrid" in block]
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("[(1, ")


def test_the_criterion_shown_is_the_criterion_tested():
    (example,) = [block for block in blocks("python") if "class Distance" in block]
    assert example.split("\n", 1)[1] == test_reruns.PLUGIN


def test_the_study_shown_is_valid():
    import yaml

    from prunegrid.config import validate
    from prunegrid.grid import expand

    home = Path(__file__).parents[1]
    (overlay,) = blocks("yaml")
    config = {**yaml.safe_load((home / "config.yaml").read_text()), **yaml.safe_load(overlay)}
    checked = validate(config, home / "workflow/schemas/config.schema.yaml")
    assert expand(checked, {"llava-1.5-7b": 32}).unreachable == ()


def test_commands_exist():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    for target in re.findall(r"\bmake ([\w-]+)", README):
        assert f"\n{target}:" in makefile
