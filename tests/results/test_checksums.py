"""Files that are not what was scored are refused by name, and deleting what the message names is the cure."""

import json
import os
import platform
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.errors import DataError
from prunegrid.results.checksums import (
    check_cells,
    check_predictions,
    scores_are_current,
    write_checksums,
)
from prunegrid.results.predictions import SCHEMA, read, write_finished
from prunegrid.results.store import PREDICTIONS, SAMPLES, SCORES, Store
from prunegrid.scoring.score import score_cells, write_scores
from tests.workflow.faults import check

CELL = {"model": "m", "benchmark": "b", "strategy": "uniform", "criterion": "norm", "ratio": 0.5, "seed": 0}
MADE_BY = {"cell": CELL, "strategy": ["uniform", {}], "criterion": ["norm", {}], "code": "c0de"}
FILES = (PREDICTIONS, SCORES, SAMPLES)


def row(number: int, prediction: str) -> dict[str, Any]:
    blank = dict.fromkeys(("choices", "references", "document", "choice_logits", "error", "first_token_id"))
    counts = dict.fromkeys(
        (
            "n_image_tokens",
            "n_full_image_tokens",
            "n_text_tokens",
            "n_text_after",
            "n_generated",
            "n_explained",
        ),
        1,
    )
    lists = {"image_grids": [], "token_depth": [], "cut_ties": [], "first_topk": []}
    texts = {
        "sample_id": f"s{number}",
        "image_id": f"i{number}",
        "prompt": "",
        "question": "",
        "answer": "red",
    }
    return {**blank, **counts, **lists, **texts, "prediction": prediction, "status": "ok"}


def write(file: Path, prediction: str, **metadata: Any) -> None:
    """Write a finished cell of four samples."""
    rows = [row(number, prediction) for number in range(4)]
    write_finished(file, pa.Table.from_pylist(rows, schema=SCHEMA), metadata)


class Published:
    """One cell, in the store and in its place."""

    def __init__(self, home: Path) -> None:
        self.store = Store(home / ".store")
        self.folder = home / "uniform"
        self.described = {
            "folder": str(self.folder),
            "store": str(self.store.folder),
            "predictions_key": "key",
            "scores_key": "scores-key",
            "made_by": {**MADE_BY, "strategy": ("uniform", {})},
        }
        self.make()

    def make(self) -> None:
        """Compute, score and publish whatever is missing, as the workflow's jobs do."""
        if not self.store.has_predictions("key"):
            write(self.store.predictions("key"), "red", key="key", **MADE_BY)
        check_predictions(self.store, "key")
        if not scores_are_current(self.store, "key", "scores-key"):
            _, scores = next(score_cells("vqa", {0: self.store.predictions("key")}, replicates=100))
            write_scores(self.store.scores("scores-key"), scores, {"tflops_total": 1.0})
            write_checksums(self.store, "key", "scores-key")
        if not self.folder.exists():
            self.folder.mkdir()
            os.link(self.store.predictions("key"), self.folder / PREDICTIONS)
            for name in (SCORES, SAMPLES):
                os.link(self.store.scores("scores-key") / name, self.folder / name)

    def check(self) -> None:
        check_cells([self.described])


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path)


def cure(message: str) -> None:
    """Delete what a message tells to."""
    for path in re.search(r"delete (.*?) and run again", message).group(1).split(" and "):
        if Path(path).is_dir():
            shutil.rmtree(path)
        else:
            Path(path).unlink()


def edit_in_place(file: Path) -> None:
    """Change one answer, as an analyst's notebook would, and keep all that the file says of itself."""
    table = pq.read_table(file, partitioning=None)
    name = "parsed_answer" if file.name == SAMPLES else "prediction"
    changed = pa.array([*table[name].to_pylist()[1:], "blue"], pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, changed), file)


def test_files_computed_by_edited_code_are_refused(tmp_path: Path) -> None:
    """Their key was planned before the edit."""
    published = Published(tmp_path)
    file = published.store.predictions("key")
    shutil.rmtree(published.folder)
    for python, refused in ((platform.python_version(), True), ("2.7.18", False)):
        # What another Python reads from the same code has another hash.
        file.unlink()
        edited = {**MADE_BY, "code": "ed17ed", "packages": {"python": python}}
        write(file, "red", key="key", **edited)
        published.make()
        if refused:
            with pytest.raises(DataError, match=r"computed by other code than its key stands for") as told:
                published.check()
            check("code is edited while a run goes on", str(told.value))
            cure(str(told.value))
            published.make()
        published.check()
        shutil.rmtree(published.folder)


def test_whole_and_touched_files_pass(published: Published) -> None:
    published.check()
    for name in FILES:
        os.utime(published.folder / name)
    published.check()
    shutil.copytree(published.folder, published.folder.with_name("copy"))
    shutil.rmtree(published.folder)
    published.folder.with_name("copy").rename(published.folder)
    published.check()


def test_a_job_checks_the_files_that_it_reads(published: Published) -> None:
    stat = (published.folder / PREDICTIONS).stat()
    edit_in_place(published.folder / PREDICTIONS)
    os.utime(published.folder / PREDICTIONS, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    check_cells([published.described], [SCORES, SAMPLES])
    with pytest.raises(DataError, match=r"predictions\.parquet was changed") as told:
        check_cells([published.described], [PREDICTIONS])
    check("a disk loses a bit and sets no time stamp", str(told.value))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("own_copy", [False, True])
def test_an_edited_file_is_noticed(published: Published, name: str, own_copy: bool) -> None:
    file = published.folder / name
    if own_copy:  # not the store's
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    if name == SCORES:
        scores = json.loads(file.read_text())
        scores["metrics"]["accuracy"]["value"] = 0.25
        file.write_text(json.dumps(scores, indent=1))
    else:
        edit_in_place(file)
    with pytest.raises(DataError, match="was changed after it was finished") as caught:
        published.check()
    message = str(caught.value)
    check("a file of results is edited, or copied from another run", message, 0)
    assert message.startswith(str(file))
    assert (str(published.store.folder) in message) == (not own_copy)
    cure(message)
    published.make()
    published.check()
    assert read(published.folder / PREDICTIONS)[0]["prediction"].tolist() == ["red"] * 4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cell": {**CELL, "ratio": 0.75}}, "'ratio': 0.75"),
        (
            {"criterion": ["norm", {"reverse": True}]},
            "its criterion is ['norm', {'reverse': True}], not ['norm', {}]",
        ),
        ({"code": "01d"}, "its code is 01d, not c0de"),
        ({}, "another model, other data or by other packages"),
    ],
)
def test_a_copy_from_another_run_is_told_apart(published: Published, changes: dict, told: str) -> None:
    file = published.folder / PREDICTIONS
    file.unlink()
    write(file, "red", **{"key": "other", **MADE_BY, **changes})
    with pytest.raises(DataError, match="is not this cell's") as caught:
        published.check()
    assert told in str(caught.value)
    check("a file of results is edited, or copied from another run", str(caught.value), 1)
    cure(str(caught.value))
    published.make()
    published.check()


def test_a_file_cut_short_is_named(published: Published) -> None:
    file = published.folder / PREDICTIONS
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(
        DataError, match=r"predictions.parquet is not a readable file.*delete .* and run again"
    ) as caught:
        published.check()
    # The store's file is the same one.
    assert str(published.store.predictions("key")) in str(caught.value)
    cure(str(caught.value))
    published.make()
    published.check()


def test_a_bit_of_the_footer_is_mended_at_once(published: Published) -> None:
    """The published file is the store's, under a second name: deleting one alone would leave the damage."""
    file = published.folder / PREDICTIONS
    content = bytearray(file.read_bytes())
    content[-8] ^= 1  # the footer's length
    with file.open("r+b") as handle:
        handle.write(content)
    with pytest.raises(DataError) as caught:
        published.check()
    cure(str(caught.value))
    published.make()
    published.check()


def test_scores_of_another_cell_in_the_store_are_mended_at_once(published: Published) -> None:
    """Two folders of scores that were swapped: each has checksums of its own files."""
    other = Published(published.folder.parent / "other")
    write(other.store.predictions("key"), "blue", key="key", **MADE_BY)
    shutil.rmtree(other.folder)
    other.make()
    shutil.rmtree(published.store.scores("scores-key"))
    shutil.copytree(other.store.scores("scores-key"), published.store.scores("scores-key"))
    for name in (SCORES, SAMPLES):
        (published.folder / name).unlink()
        os.link(published.store.scores("scores-key") / name, published.folder / name)
    with pytest.raises(DataError) as caught:
        published.check()
    cure(str(caught.value))
    published.make()
    published.check()
    assert json.loads((published.folder / SCORES).read_text())["metrics"]["accuracy"]["value"] == 1


def test_a_file_of_checksums_of_any_content_is_no_traceback(published: Published) -> None:
    file = published.store.scores("scores-key") / "checksums.json"
    for content in ("", "[]", "{}", '{"scores.json": 3}', file.read_text().replace("sha256", "sha257")):
        file.unlink()
        file.write_text(content)
        with pytest.raises(DataError) as caught:
            published.check()
        cure(str(caught.value))
        published.make()
        published.check()


def test_scores_without_checksums_are_not_used(published: Published) -> None:
    (published.store.scores("scores-key") / "checksums.json").unlink()
    with pytest.raises(DataError, match="nothing tells that its scores are what was computed") as caught:
        published.check()
    cure(str(caught.value))
    published.make()
    published.check()


def test_a_copy_in_the_store_is_not_scored(published: Published) -> None:
    file = published.store.predictions("other-key")
    shutil.copy(published.store.predictions("key"), file)
    with pytest.raises(DataError, match=r"other-key.parquet was made under the key key, not other-key"):
        check_predictions(published.store, "other-key")


def test_predictions_edited_before_they_are_scored_are_refused(published: Published) -> None:
    shutil.rmtree(published.store.folder / "scores")
    edit_in_place(published.store.predictions("key"))
    with pytest.raises(DataError, match="was changed after it was computed"):
        published.make()


def test_cells_computed_again_are_scored_again(published: Published) -> None:
    assert scores_are_current(published.store, "key", "scores-key")
    write(published.store.predictions("key"), "blue", key="key", **MADE_BY)
    assert not scores_are_current(published.store, "key", "scores-key")
    shutil.rmtree(published.folder)
    published.make()
    published.check()
    assert json.loads((published.folder / SCORES).read_text())["metrics"]["accuracy"]["value"] == 0
