"""Results of a study as pandas frames: one row per cell, or one row per sample."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunegrid.axis_names import SHARE
from prunegrid.errors import DataError
from prunegrid.files import expanded, file_state
from prunegrid.nearest import nearest
from prunegrid.results.checksums import finished_files
from prunegrid.results.remedy import remedy
from prunegrid.results.score_columns import AXES, metric_columns, number_columns
from prunegrid.results.store import PREDICTIONS, SAMPLES, SCORES, Store

if TYPE_CHECKING:
    import pandas as pd

# Columns with a list per sample, which are read only where they are asked for.
LISTS = ("image_grids", "token_depth", "cut_ties", "first_topk", "choice_logits")
_CELL = "ratio-*/seed-*"
# Parents of a cell's folder up to that of its model: ratio, criterion, strategy, benchmark, model.
_BELOW_MODEL = 4
# What is equal at the ratio stands behind it, where a study matches more than shares.
_LAST = re.compile(r"ratio-(\d+\.\d{3}(?:\d{3})?)(?:-([a-z_]+))?/seed-(\d+)")


def load(folder: str | Path) -> Results:
    """Find the scored cells of a study, of one of its models, or one cell.

    All that lie in the folder are found, those of earlier studies that wrote there among them; a study's own
    rows are in its cells.csv.

    Parameters
    ----------
    folder : str or Path
        The study's `results_dir`, a model's folder in it, a benchmark's in that, and so on down to the folder
        of one cell.

    Returns
    -------
    Results
        `cells`, and `samples(...)`.

    Raises
    ------
    PrunegridError
        If pandas or pyarrow is not installed.
    DataError
        If there is no such folder, or no scored cell in it.

    Warns
    -----
    UserWarning
        If a model has no tables yet: its study has not finished, and cells may be missing.

    Examples
    --------
    >>> results = prunegrid.load("results")
    >>> results.cells.groupby(["strategy", "ratio"])["accuracy"].mean()
    >>> uniform = results.cells.query("strategy == 'uniform'")
    >>> results.samples(uniform, ["question", "prediction", "answer", "score"])
    """
    folder = expanded(folder).resolve()
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give a study's results_dir, or a folder in it")
    below = folder.rglob(f"{_CELL}/{SCORES}")
    # Also from within: the folder of one ratio, or of one cell.
    own = [folder / SCORES, *folder.glob(f"seed-*/{SCORES}")]
    files = {file for file in [*below, *own] if file.is_file()}
    folders = sorted(file.parent for file in files if _LAST.fullmatch("/".join(file.parent.parts[-2:])))
    if not folders:
        predicted = sum(1 for _ in folder.rglob(f"{_CELL}/{PREDICTIONS}"))
        found = f"{predicted} cells that are predicted and not scored" if predicted else "none"
        raise DataError(
            f"{folder} holds no scored cell (model/benchmark/strategy/criterion/{_CELL}/{SCORES}), found "
            f"{found}: give the results_dir of a study that has run, or a folder in it"
        )
    for model in dict.fromkeys(cell.parents[_BELOW_MODEL] for cell in folders):
        # What lies within a model's folder is a part that was asked for.
        if model.is_relative_to(folder) and not (model / "tables/cells.csv").is_file():
            warnings.warn(
                f"{model} has no tables/cells.csv: its study has not finished, and cells may be missing; "
                "`snakemake --cores 1 status` names them, running the study again makes them",
                stacklevel=2,
            )
    return Results(tuple(folders))


@dataclass(frozen=True)
class Results:
    """The scored cells of a study.

    Attributes
    ----------
    folders : tuple of Path
        One per cell.
    """

    folders: tuple[Path, ...]

    def __repr__(self) -> str:
        return f"<Results of {len(self.folders)} cells: .cells, .samples()>"

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell, as in cells.csv (docs/columns.md): scores.json of every cell is read once.

        Columns: `model`, `benchmark`, `strategy`, `criterion` (text), `ratio`, `seed`, in a study of several
        matchings `match`; `n`, `n_error` (samples); the ledger, `tflops_*` in 1e12 FLOPs per sample and the
        shares `ratio_requested` and `ratio_achieved`; mean places of kept tokens, from 0 to 1; `{metric}`,
        `{metric}_low`, `{metric}_high` (value and 95 % interval, in the metric's own unit: accuracies are
        shares), `{metric}_{variant}`. A metric that a cell's benchmark does not have is NaN.

        Raises
        ------
        DataError
            If a file cannot be read, or was changed since it was finished, naming it.
        """
        import pandas as pd

        return pd.DataFrame(
            [_cell_row(folder, self._axes, self._finished(folder)) for folder in self.folders]
        )

    @cached_property
    def _known(self) -> dict[Path, frozenset[str]]:
        """Return store -> hashes of what was finished there, each store read once."""
        return {store: finished_files(Store(store)) for store in {*map(_store, self.folders)}}

    def _finished(self, folder: Path) -> frozenset[str]:
        return self._known[_store(folder)]

    @cached_property
    def _axes(self) -> tuple[str, ...]:
        """What tells these cells apart."""
        several = any(_match(folder) != SHARE for folder in self.folders)
        return (*AXES, "match") if several else AXES

    def samples(
        self, cells: pd.DataFrame | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return one row per sample of some cells: what the model answered, and its scores.

        Parameters
        ----------
        cells : DataFrame, optional
            Some rows of `cells`, with its axes; by default all of them.
        columns : sequence of str, optional
            Columns of predictions.parquet and of scores.parquet (docs/columns.md). By default all but the
            lists `image_grids`, `token_depth`, `cut_ties`, `first_topk` and `choice_logits`.

        Returns
        -------
        DataFrame
            The axes as categories, then `sample_id`, then the columns; missing ones of other benchmarks are
            NaN. `score` is the sample's share of the headline metric, NaN for an error row.

        Raises
        ------
        DataError
            If no cell is chosen, a column is in none of them, or a file cannot be read or was changed since
            it was finished, naming it.
        """
        import pandas as pd

        frames = list(self.each(cells, columns))
        if not frames:
            raise DataError("no cell is chosen: `cells` has no row")
        known = {name for frame in frames for name in frame}
        unknown = [name for name in columns or () if name not in known]
        if unknown:
            raise DataError(
                f"no cell has a column {unknown[0]!r}: {nearest(unknown[0], self.columns(cells))}"
            )
        table = pd.concat(frames, ignore_index=True)
        return table.astype(dict.fromkeys(self._axes, "category"))

    def each(
        self, cells: pd.DataFrame | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Yield the samples of one cell after the other, for studies that do not fit into memory.

        Parameters
        ----------
        cells, columns : DataFrame, sequence of str, optional
            See `samples`; a column that a cell does not have is left out of its frame.

        Yields
        ------
        DataFrame
            One row per sample.
        """
        for folder in self._folders(cells):
            frame = _samples(folder, columns, self._finished(folder))
            for place, (name, value) in enumerate(_axes(folder, self._axes).items()):
                frame.insert(place, name, value)
            yield frame

    def columns(self, cells: pd.DataFrame | None = None) -> list[str]:
        """Return the columns that `samples` knows of some cells."""
        found = (name for folder in self._folders(cells) for file in _files(folder) for name in _names(file))
        return list(dict.fromkeys(found))

    def _folders(self, cells: pd.DataFrame | None) -> list[Path]:
        if cells is None:
            return list(self.folders)
        lacking = [name for name in self._axes if name not in cells]
        if lacking:
            raise DataError(f"these cells lack column {', '.join(lacking)}: give rows of `cells`")
        known = {tuple(_axes(folder, self._axes).values()): folder for folder in self.folders}
        rows = list(cells[list(self._axes)].itertuples(index=False, name=None))
        unknown = [row for row in rows if row not in known]
        if unknown:
            raise DataError(f"{'/'.join(map(str, unknown[0]))} is none of these {len(known)} cells")
        return [known[row] for row in rows]


def _axes(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return some axes of a cell, as its folder is called; without a ratio nothing is matched."""
    ratio, _, seed = _last(folder)
    known = dict(zip(AXES, [*folder.parts[-len(AXES) : -2], float(ratio), int(seed)], strict=True))
    known["match"] = _match(folder) if known["ratio"] else ""
    return {name: known[name] for name in names}


def _match(folder: Path) -> str:
    """Return what is equal at a cell's ratio: the share of tokens, where its folder tells nothing else."""
    return _last(folder)[1] or SHARE


def _last(folder: Path) -> tuple[str, str | None, str]:
    """Return ratio, what is equal there if it is told, and seed, as the last folders are called."""
    found = _LAST.fullmatch("/".join(folder.parts[-2:]))
    assert found is not None
    return found[1], found[2], found[3]


def _store(folder: Path) -> Path:
    """Return where the store of a cell's benchmark is, if it was not left behind."""
    model, benchmark = folder.parents[_BELOW_MODEL], folder.parents[_BELOW_MODEL - 1]
    return Store.of(model.parent, model.name, benchmark.name).folder


def _check(file: Path, finished: frozenset[str]) -> None:
    """Refuse a file that is none of those which were finished; without a store nothing tells.

    Raises
    ------
    DataError
        Naming the file.
    """
    try:
        changed = bool(finished) and file_state(file)["sha256"] not in finished
    except OSError as error:
        raise _unreadable(file, error) from error
    if changed:
        raise _unreadable(file, "it was changed after it was finished: its checksum is another one")


def _cell_row(folder: Path, names: Sequence[str], finished: frozenset[str]) -> dict[str, Any]:
    file = folder / SCORES
    _check(file, finished)
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))
        axes = _axes(folder, names)
        numbers = number_columns(scores, axes["ratio"] if axes.get("match") else None)
        return {**axes, "n": scores["n"], "n_error": scores["n_error"], **numbers, **metric_columns(scores)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(file, error) from error


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / PREDICTIONS, folder / SAMPLES


def _names(file: Path) -> list[str]:
    """Return the columns of a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(file).names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error


def _samples(folder: Path, columns: Sequence[str] | None, finished: frozenset[str]) -> pd.DataFrame:
    """Return a cell's predictions beside its scores, by sample."""
    for file in _files(folder):
        _check(file, finished)
    predictions, scores = (_read(file, columns) for file in _files(folder))
    # Both tell the image and the status.
    own = [name for name in scores if name == "sample_id" or name not in predictions]
    return predictions.merge(scores[own], on="sample_id", how="left", validate="one_to_one")


def _read(file: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # One file, opened once: `read_table` would look for a data set of many.
        with pq.ParquetFile(file) as opened:
            names = opened.schema_arrow.names
            wanted = [name for name in names if name not in LISTS] if columns is None else columns
            there = [name for name in dict.fromkeys(["sample_id", *wanted]) if name in names]
            rows: pd.DataFrame = opened.read(there).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error
    return rows


def _unreadable(file: Path, why: object) -> DataError:
    return DataError(f"{file} cannot be read ({why}); {remedy(file)}")
