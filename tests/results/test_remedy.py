"""What a message says to delete: with a published file the store's, where it has the same damage."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.errors import DataError
from prunegrid.report.shown_cells import metadata_of
from prunegrid.report.survival import read_maps
from prunegrid.results.predictions import SCHEMA, read, read_metadata, write_finished
from prunegrid.results.remedy import remedy
from prunegrid.results.scores_file import read_score_file
from prunegrid.results.store import PREDICTIONS, SCORES, Store

FOLDER = "m/b/uniform/norm/ratio-0.505/seed-0"


def paths_of(message: str) -> list[str]:
    found = re.search(r"delete (.*) and run again$", message)
    assert found, message
    return found[1].split(" and ")


@pytest.fixture(params=["hardlink", "copy"])
def cell(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Store]:
    """A published cell, linked or copied, beside another one of the store."""
    store = Store.of(tmp_path, "m", "b")
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    for key in ("other", "key"):
        write_finished(store.predictions(key), SCHEMA.empty_table(), {"key": key})
        store.scores(key).mkdir(parents=True)
        (store.scores(key) / SCORES).write_text(f'{{"n": 4, "n_error": 0, "key": "{key}"')
    content = bytearray(store.predictions("key").read_bytes())
    content[-20] ^= 255
    content[-60] ^= 255
    store.predictions("key").write_bytes(content)
    for file, name in ((store.predictions("key"), PREDICTIONS), (store.scores("key") / SCORES, SCORES)):
        if request.param == "copy":
            shutil.copy(file, folder / name)
        else:
            (folder / name).hardlink_to(file)
    return folder, store


@pytest.mark.parametrize("reader", [read, read_metadata, lambda file: metadata_of({"folder": file.parent})])
def test_damaged_predictions_are_named_in_both_places(
    cell: tuple[Path, Store], reader: Callable[[Path], object]
) -> None:
    """`delete it and run again` named the link alone, and the next run linked the same bytes again."""
    folder, store = cell
    with pytest.raises(DataError) as refused:
        reader(folder / PREDICTIONS)
    assert paths_of(str(refused.value)) == [str(folder / PREDICTIONS), str(store.predictions("key"))]


@pytest.mark.parametrize("reader", [read_score_file, lambda folder: read_maps([{"folder": folder}])])
def test_damaged_scores_are_named_in_both_places(
    cell: tuple[Path, Store], reader: Callable[[Path], object]
) -> None:
    folder, store = cell
    with pytest.raises(DataError) as refused:
        reader(folder)
    assert paths_of(str(refused.value)) == [str(folder / SCORES), str(store.scores("key"))]


def test_what_the_store_has_whole_stays(cell: tuple[Path, Store]) -> None:
    folder, store = cell
    (folder / SCORES).unlink()
    (folder / SCORES).write_text("[]")
    with pytest.raises(DataError, match="it is no JSON object") as refused:
        read_score_file(folder)
    assert paths_of(str(refused.value)) == [str(folder / SCORES)]
    (folder / SCORES).write_text('{"n": 3}')
    with pytest.raises(DataError, match=r"it lacks headline\)"):
        read_score_file(folder, ["n", "headline"])
    assert paths_of(remedy(store.predictions("key"))) == [str(store.predictions("key"))]


def test_metadata_that_are_no_object_are_refused(tmp_path: Path) -> None:
    file = tmp_path / PREDICTIONS
    pq.write_table(pa.table({"sample_id": ["a"]}).replace_schema_metadata({"prunegrid": "[]"}), file)
    with pytest.raises(DataError, match="no JSON object"):
        read_metadata(file)
