"""Draw the measured speed-up of one model."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.report.speedup import plot_speedup
from prunegrid.results.seals import check_seals, write_seal
from prunegrid.tables.options import TableOptions

with job_log(snakemake.log[0], f"speed-up of {snakemake.wildcards.model}"):
    check_seals([snakemake.input.seal])
    plot_speedup(
        snakemake.input.cells,
        snakemake.input.measurements,
        Path(snakemake.output[0]).parent,
        TableOptions(**snakemake.params.options),
    )
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
