"""The notebook's cells run one after the other, and print what stands below them."""

import json
from pathlib import Path

from tests.docs.pages import HOME

# Answers of which the model is sure, and what is counted: other pruned answers may differ with rounding.
_STABLE = ("green circle", "unpruned:", "attention:", "schedule:", "24 tokens")


def test_the_notebook_runs_and_prints_what_it_shows(capsys, monkeypatch):
    monkeypatch.chdir(HOME / "docs")
    scope: dict[str, object] = {"__name__": "__main__"}
    n_shown = 0
    for cell in json.loads(Path("tour.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        exec(compile("".join(cell["source"]), "tour.ipynb", "exec"), scope)
        printed = capsys.readouterr().out.splitlines()
        texts = ["".join(one["text"]) for one in cell["outputs"] if one["output_type"] == "stream"]
        shown = "".join(texts).splitlines()
        assert [line.partition(":")[0] for line in printed] == [line.partition(":")[0] for line in shown]
        stable = [line for line in shown if line.startswith(_STABLE)]
        n_shown += len(stable)
        assert set(stable) <= set(printed)
    assert n_shown == 6
