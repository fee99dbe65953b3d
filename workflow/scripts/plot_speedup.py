"""Draw the measured speed-up of one model."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.report.speedup import plot_speedup

with job_log(snakemake.log[0], f"speed-up of {snakemake.wildcards.model}"):
    plot_speedup(snakemake.input.cells, snakemake.input.measurements, Path(snakemake.output[0]).parent)
