"""Write the tables of one model."""

from pathlib import Path

from prunegrid.jobs.build_tables import build_tables
from prunegrid.jobs.job_log import job_log
from prunegrid.results.seals import write_seal

with job_log(snakemake.log[0], f"tables of {snakemake.wildcards.model}"):
    build_tables(
        snakemake.params.files,
        snakemake.params.cells,
        snakemake.params.unreachable,
        Path(snakemake.output.cells).parent,
        snakemake.params.options,
        snakemake.params.measured,
    )
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
