"""Checksums of predictions and scores, to refuse files that changed since, or that other code computed.

A published file is a hard link to the store, and anybody can write into it or put another one in its place.
So the checksum of every file is written when it is finished: what was computed is what is scored, and what
was scored is what is shown. Imports no torch.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from prunegrid.errors import DataError
from prunegrid.files import file_state, is_unchanged, read_object, write_text
from prunegrid.results.predictions import is_other_code, read_metadata
from prunegrid.results.store import CHECKSUMS, PREDICTIONS, SAMPLES, SCORES, Store, checksum_of

_BY_OTHER_CODE = "other code than its key stands for: files were edited while its job waited or ran"


def check_predictions(store: Store, key: str) -> None:
    """Check that predictions in the store are what was computed under their key.

    Raises
    ------
    DataError
        If they are another cell's, or were changed.
    """
    file = store.predictions(key)
    found = read_metadata(file).get("key")
    if found != key:
        raise DataError(
            f"{file} was made under the key {found}, not {key}: it is a copy of another cell's file; "
            f"delete {file} and run again"
        )
    if not is_unchanged(file, _read_one(checksum_of(file))):
        raise DataError(
            f"{file} was changed after it was computed: its checksum is not the one that was written then; "
            f"delete {file} and run again"
        )


def write_checksums(store: Store, predictions_key: str, scores_key: str) -> None:
    """Write the checksums of a scored cell's files: last of all, so that with them the cell is whole."""
    scores = store.scores(scores_key)
    checksums = {name: file_state(scores / name) for name in (SCORES, SAMPLES)}
    checksums[PREDICTIONS] = _read_one(store.predictions_checksum(predictions_key))
    write_text(scores / CHECKSUMS, json.dumps(checksums))


def scores_are_current(store: Store, predictions_key: str, scores_key: str) -> bool:
    """Return whether the store holds scores of exactly the predictions that it holds now.

    A cell that was lost and computed again has other bytes: seconds, and on a GPU perhaps more.
    """
    checksums = _read_all(store.scores(scores_key))
    return bool(checksums) and checksums.get(PREDICTIONS) == _read_one(
        store.predictions_checksum(predictions_key)
    )


def check_cells(
    cells: Iterable[Mapping[str, Any]], names: Collection[str] = (PREDICTIONS, SCORES, SAMPLES)
) -> None:
    """Check that published files are those that were computed and scored for the plan.

    Parameters
    ----------
    cells : iterable of mappings
        `folder`; `store`; `predictions_key` and `scores_key`, as planned; `made_by`, what the metadata of
        its predictions should say, to explain a difference.
    names : collection of str
        Those of a cell's files that are to be read.

    Raises
    ------
    DataError
        Naming the first file that is another one, what differs and what to delete.
    """
    for cell in cells:
        _check(cell, names)


def _check(cell: Mapping[str, Any], names: Collection[str]) -> None:
    folder, store = Path(cell["folder"]), Store(Path(cell["store"]))
    predictions, scores = store.predictions(cell["predictions_key"]), store.scores(cell["scores_key"])
    checksums = _read_all(scores)
    fault = "" if checksums else f"{folder}: nothing tells that its scores are what was computed"
    if not fault and PREDICTIONS in names:
        fault = _fault_of_metadata(cell, folder / PREDICTIONS)
    by_other_code = fault.endswith(_BY_OTHER_CODE)
    for name in names:
        if not fault and not is_unchanged(folder / name, _state(checksums, name)):
            fault = (
                f"{folder / name} was changed after it was finished: its checksum is not the one that was "
                "written then"
            )
    if fault:
        damaged = _changed(predictions, scores, checksums)
        also = [predictions] if by_other_code and predictions not in damaged else []
        raise DataError(f"{fault}; delete {' and '.join(map(str, [folder, *also, *damaged]))} and run again")


def _fault_of_metadata(cell: Mapping[str, Any], file: Path) -> str:
    """Return what tells that published predictions are not the cell's; empty where nothing does."""
    try:
        metadata = read_metadata(file)
    except DataError as error:
        # It may be the store's own file, under a second name.
        return str(error).partition("; delete")[0]
    if metadata.get("key") != cell["predictions_key"]:
        return f"{file} is not this cell's: {_difference(metadata, cell)}"
    if is_other_code(metadata, cell["made_by"]["code"]):
        return f"{file} was computed by {_BY_OTHER_CODE}"
    return ""


def finished_files(store: Store) -> frozenset[str]:
    """Return the hashes of all files of scored cells that a store tells of, whatever their cells."""
    told = [read_object(file) for file in store.folder.glob(f"scores/*/{CHECKSUMS}")]
    states = [_state(checksums, name) for checksums in told for name in checksums]
    return frozenset(str(state["sha256"]) for state in states if "sha256" in state)


def _changed(predictions: Path, scores: Path, checksums: Mapping[str, Any]) -> list[Path]:
    """Return what was changed in the store: who edits a published file edits the store's."""
    changed = []
    if not is_unchanged(predictions, _read_one(checksum_of(predictions))):
        changed.append(predictions)
    if checksums.get(PREDICTIONS) != _read_one(checksum_of(predictions)) or not all(
        is_unchanged(scores / name, _state(checksums, name)) for name in (SCORES, SAMPLES)
    ):
        changed.append(scores)
    return [file for file in changed if file.exists()]


def _read_one(file: Path) -> dict[str, Any]:
    """Return the `file_state` in a file, or one that no file has where it is missing or broken."""
    return read_object(file) or {"bytes": -1}


def _read_all(scores: Path) -> dict[str, Any]:
    """Return file name -> `file_state` of a scored cell, empty where they are missing or broken."""
    return read_object(scores / CHECKSUMS)


def _state(checksums: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the `file_state` of one file of a scored cell, an empty one where it is damaged."""
    state = checksums.get(name)
    return state if isinstance(state, dict) else {}


def _difference(metadata: Mapping[str, Any], cell: Mapping[str, Any]) -> str:
    wanted = json.loads(json.dumps(cell["made_by"]))
    differing = [name for name, value in wanted.items() if metadata.get(name) != value]
    parts = [f"its {name} is {metadata.get(name)}, not {wanted[name]}" for name in differing]
    return ", ".join(parts) or "it was made from another model, other data or by other packages"
