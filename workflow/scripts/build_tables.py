"""Write the tables of one model."""

from pathlib import Path

from prunegrid.jobs.progress import job_log
from prunegrid.results.checksums import check_cells
from prunegrid.tables.build import build_tables

with job_log(snakemake.log[0], f"tables of {snakemake.wildcards.model}") as say:
    check_cells(snakemake.params.files)
    build_tables(
        snakemake.params.cells,
        snakemake.params.unreachable,
        Path(snakemake.output.cells).parent,
        snakemake.params.options,
    )
    say(f"{len(snakemake.params.cells)} cells in two tables")
