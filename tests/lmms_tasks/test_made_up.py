"""Tasks of a made-up folder of lmms-eval's layout: prompts, refusals, keys and scores, without lmms-eval."""

import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from prunegrid.errors import ConfigError, DataError
from prunegrid.lmms_tasks.task import LmmsTask
from tests.lmms_tasks.colours import TASKS, adapter, predictions, scorer, write_rows


@pytest.fixture
def file(tmp_path):
    return write_rows(tmp_path)


def test_a_row_becomes_prompt_picture_answer_and_document(file):
    first, second, third, _ = adapter(file).samples()
    assert first.prompt == "Which colour?\nAnswer with one word."
    assert (first.question, first.answer, first.error) == ("Which colour?", "Red", None)
    assert json.loads(first.document) == {"question": "Which colour?", "answer": "Red", "place": 0}
    assert isinstance(first.image, Image.Image)
    assert first.image_id == second.image_id != third.image_id, "the picture's own hash is the cluster"
    assert adapter(file).max_new_tokens == 4
    assert adapter(file, max_new_tokens=9).max_new_tokens == 9


def test_prompts_of_families_are_variants(file):
    (first, *_) = adapter(file, prompt="qwen_vl").samples()
    assert first.prompt == "Which colour? Answer:"
    with pytest.raises(ConfigError, match="unknown prompt 'qwen': did you mean 'qwen_vl'"):
        adapter(file, prompt="qwen")


def test_positions_and_texts_are_those_of_all_samples(file):
    one = adapter(file)
    assert [sample.sample_id for sample in one.samples([1, 3])] == ["1", "3"]
    assert one.texts() == ["Which colour?\nAnswer with one word."]
    assert one.shows_two_pictures()
    assert one.check() == 4


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("colors", "unknown task 'colors': did you mean 'colours'"),
        ("colours_all", "is a group of tasks: name one of them: colours, colours_scored"),
        ("colours_judged", "'colours_judged' cannot be run here: .*judge"),
        ("colours_uploaded", "'colours_uploaded' cannot be run here: .*uploaded"),
        ("colours_filmed", "'colours_filmed' cannot be run here: it shows videos"),
        ("colours_likely", "'colours_likely' cannot be run here: its output_type is 'multiple_choice'"),
        ("colours_lacking", "needs the package 'surely_no_package': pip install surely-no-package"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_by_name(file, task, told):
    with pytest.raises(ConfigError, match=told):
        adapter(file, task)


def test_a_task_has_to_be_named(file):
    with pytest.raises(ConfigError, match="`task` is missing"):
        adapter(file, task=None)


def test_without_the_package_the_command_that_installs_it_is_told(monkeypatch):
    from prunegrid.lmms_tasks import installation

    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    installation.tasks_folder.cache_clear()
    with pytest.raises(
        ConfigError, match=r"pip install --no-deps lmms-eval==.* && pip install 'prunegrid\[tasks\]'"
    ):
        LmmsTask("gqa")
    installation.tasks_folder.cache_clear()


def test_several_pictures_are_shown_in_their_order(file):
    samples = list(adapter(file, "colours_two_pictures").samples())
    assert {sample.error for sample in samples} == {None}
    assert {len(sample.images) for sample in samples} == {2}


def test_a_broken_picture_is_an_error_row(file):
    table = pq.read_table(file).to_pylist()
    table[1]["image"]["bytes"] = b"no picture"
    pq.write_table(pa.Table.from_pylist(table, pq.read_schema(file)), file)
    faults = [sample.error for sample in adapter(file).samples()]
    assert faults[0] is faults[2] is faults[3] is None
    assert "row 1: image cannot be decoded" in faults[1]


@pytest.mark.parametrize(
    ("task", "answers", "expected"),
    [
        ("colours", ["red", "Blue.", "blue", "green"], 0.5),
        ("colours_scored", ["red", "blue", "red", "green"], 0.75),
        ("colours_filtered", ["Red it is", "Blue", "Red", "It is Blue"], 0.75),
    ],
)
def test_scores(file, task, answers, expected):
    found = scorer(task).score(predictions(list(adapter(file, task).samples()), answers), replicates=500)
    assert found.headline == "accuracy"
    assert found.metrics["accuracy"]["value"] == pytest.approx(expected)
    assert found.metrics["accuracy"]["low"] < expected < found.metrics["accuracy"]["high"]
    assert found.per_sample["score"].mean() == pytest.approx(expected)


def test_a_scorer_that_changes_its_document_changes_no_other(file):
    samples = list(adapter(file, "colours_scored").samples())
    task = LmmsTask("colours_scored", TASKS)
    document = json.loads(samples[0].document)
    for answer, right in (("red", 1.0), ("blue", 0.0), ("RED", 1.0)):
        assert task.results(document, answer)["colours_acc"]["score"] == right
    assert document["answer"] == "Red"


def test_a_metric_that_is_no_mean_is_refused(file):
    rows = predictions(list(adapter(file, "colours_harmonic").samples()), ["red", "red", "red", "red"])
    with pytest.raises(DataError, match="it is no mean over samples"):
        scorer("colours_harmonic").score(rows, replicates=10)


def test_a_judge_that_its_source_hides_is_stopped_at_the_connection(file):
    rows = predictions(list(adapter(file, "colours_secretly_judged").samples()), ["red"] * 4)
    before = socket.socket.connect
    with pytest.raises(ConfigError, match="'colours_secretly_judged' asks a server while it scores"):
        scorer("colours_secretly_judged").score(rows, replicates=10)
    assert socket.socket.connect is before


def test_the_state_follows_the_files_of_the_task(tmp_path):
    folder = tmp_path / "tasks"
    shutil.copytree(TASKS, folder)
    before = LmmsTask("colours", str(folder)).state()
    assert before == LmmsTask("colours", TASKS).state(), "wherever the folder lies"
    for name in ("colours.yaml", "_default_colours_yaml", "utils.py"):
        changed = tmp_path / f"with {name}"
        shutil.copytree(TASKS, changed)
        with Path(changed, "colours", name).open("a", encoding="utf-8") as handle:
            handle.write("\n# changed\n")
        assert LmmsTask("colours", str(changed)).state() != before, name
    with (folder / "colours/lacking.py").open("a", encoding="utf-8") as handle:
        handle.write("\n# changed\n")


def test_predictions_never_depend_on_the_gold_answer(file):
    """Prompts and pictures are the same whatever the answer column holds."""
    table = pq.read_table(file).to_pylist()
    for row in table:
        row["answer"] = "Green"
    other = file.with_name("other.parquet")
    pq.write_table(pa.Table.from_pylist(table, pq.read_schema(file)), other)
    for one, same in zip(adapter(file).samples(), adapter(other).samples(), strict=True):
        assert (one.prompt, one.question, one.image_id) == (same.prompt, same.question, same.image_id)
        assert np.array_equal(np.asarray(one.image), np.asarray(same.image))
        assert one.answer != same.answer
