"""The job of the rule `collect_samples`. Imports no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prunegrid.gallery.samples import SampleOptions, collect
from prunegrid.gallery.section import write_section
from prunegrid.study.inputs import StudyInputs
from prunegrid.tables.options import TableOptions


def collect_samples(
    config: Mapping[str, Any],
    home: Path,
    model: str,
    cells: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    cells_csv: str | Path,
    path: str | Path,
) -> None:
    """Choose samples of a model's cells, and write the page's section on them.

    Parameters
    ----------
    config : mapping
        The workflow's configuration, as `config.validate` returns it.
    home : Path
        Folder of the Snakefile.
    model : str
        Of which model.
    cells : sequence of mapping
        What `study.descriptions.describe_cell` returns of its cells.
    options : mapping
        Of the tables: names of the reference, and what is equal at one ratio.
    cells_csv : path
        The model's cells.csv.
    path : path
        The file to write.

    Raises
    ------
    DataError
        If results or data cannot be read, naming the file.
    """
    inputs = StudyInputs(config, home)
    samples = collect(
        cells,
        inputs.adapter,
        inputs.model_path(model),
        TableOptions(**options),
        SampleOptions(**config["report"]),
    )
    write_section(samples, model, cells_csv, path)
