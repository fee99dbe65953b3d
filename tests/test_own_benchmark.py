"""docs/own-benchmark.md works as written: its files are written, its commands run, in its order."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.workflow.study import Study, environment

HOME = Path(__file__).parents[1]
PAGE = (HOME / "docs/own-benchmark.md").read_text(encoding="utf-8")
# The last `my/...` before a block is the file that it is.
BLOCKS = re.findall(r"`(my/[\w.]+)`[^\n]*:\n\n```\w+\n(.*?)```", PAGE, re.S)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
PER_BENCHMARK = 2 + 2


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder and what each command printed."""
    study = Study(tmp_path_factory.mktemp("own") / "project", {})
    folder = study.folder
    for name, text in BLOCKS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    programs = folder.with_name("bin")
    programs.mkdir()
    (programs / "snakemake").write_text(f'#!/bin/sh\nexec "{study.python}" -m snakemake "$@"\n')
    (programs / "snakemake").chmod(0o755)
    path = os.pathsep.join(map(str, (programs, Path(sys.executable).parent, os.environ["PATH"])))
    said = []
    for command in COMMANDS:
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment(PATH=path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        said.append(done.stdout)
    return folder, dict(zip(COMMANDS, said, strict=True))


def test_the_page_shows_what_it_says():
    files = dict(BLOCKS)
    assert len(files["my/questions.jsonl"].splitlines()) == 20
    assert len(files["my/study.yaml"].splitlines()) == 5
    assert len({json.loads(line)["image"] for line in files["my/questions.jsonl"].splitlines()}) == 10
    assert set(files) == {
        f"my/{name}"
        for name in (
            "questions.jsonl",
            "draw.py",
            "study.yaml",
            "choices.jsonl",
            "captions.jsonl",
            "more.yaml",
        )
    }
    assert len(COMMANDS) == 4


def test_every_benchmark_ends_in_a_complete_table(run):
    folder, _ = run
    cells = pd.read_csv(folder / "results/demo/tables/cells.csv")
    assert cells.groupby("benchmark")["n"].agg(["size", "min", "max"]).to_dict("index") == {
        "questions": {"size": PER_BENCHMARK, "min": 20, "max": 20},
        "choices": {"size": PER_BENCHMARK, "min": 3, "max": 3},
        "captions": {"size": PER_BENCHMARK, "min": 3, "max": 3},
    }
    assert (cells["n_error"] == 0).all()
    captions = cells[cells["benchmark"] == "captions"]
    assert captions[["cider", "bleu_1", "bleu_4"]].notna().all(axis=None)
    questions = cells[cells["benchmark"] == "questions"].set_index("strategy")
    assert questions["accuracy"].notna().all()
    # The demo model has learnt such pictures: without an image it cannot tell their colors.
    assert questions.loc["none", "accuracy"] > questions.loc["blind", "accuracy"]
    assert (folder / "results/report.html").stat().st_size > 10_000


def test_the_plan_is_shown_first_and_new_benchmarks_are_added(run):
    folder, said = run
    plan, first, _ = (said[command] for command in COMMANDS[1:])
    more = sorted((folder / ".snakemake/log").glob("*.log"))[-1].read_text()
    assert re.search(r"publish +4\n", plan)
    assert "demo questions-0000: " in first
    assert "demo mixed-0000: choices: demo/model is loaded on cpu, 4 cells to run" in more
    assert "demo mixed-0000: questions: 4 of 4 cells are in the store" in more
    assert "questions: demo/model is loaded" not in more, "what is computed is not computed again"


def test_keys_that_the_page_names_are_known():
    schema = yaml.safe_load((HOME / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    known = schema["properties"]["benchmark_specs"]["additionalProperties"]["properties"]
    named = set(re.findall(r"`(\w+): ", PAGE.partition("## What a file may hold")[2]))
    assert named <= set(known), named - set(known)
    assert {"columns", "prompt", "limit", "sample", "answer_form", "metrics"} <= named
