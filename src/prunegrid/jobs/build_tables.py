"""The job of the rule `build_tables`. Imports no torch."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prunegrid.findings.write_findings import write_findings
from prunegrid.results.checksums import check_cells
from prunegrid.results.measurements import read_measurements
from prunegrid.tables import build

_LOG = logging.getLogger(__name__)


def build_tables(
    files: Sequence[Mapping[str, Any]],
    cells: Sequence[Mapping[str, Any]],
    unreachable: Sequence[Mapping[str, Any]],
    folder: Path,
    options: Mapping[str, Any],
    measured: Mapping[str, str] | None = None,
) -> None:
    """Check that published files are those of the plan, and write tables and findings of one model.

    Parameters
    ----------
    files, cells : sequence of mapping
        What `study.descriptions.describe_files` and `describe_cell` return.
    unreachable, folder, options
        As of `prunegrid.tables.build.build_tables`.
    measured : mapping, optional
        `path` and `key` of the measurements of time and memory; nothing where none were made.

    Raises
    ------
    DataError
        Naming the first file that is not the plan's, and what to delete.
    """
    check_cells(files)
    measurements = read_measurements(measured["path"], measured["key"])[0] if measured else None
    write_findings(build.build_tables(cells, unreachable, folder, options, measurements), folder)
    _LOG.info(f"{len(cells)} cells in the tables")
