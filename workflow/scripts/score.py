"""Score the cells of one bundle."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.score import score
from prunegrid.study.markers import write_marker

wildcards = snakemake.wildcards
with job_log(snakemake.log[0], f"{wildcards.model} {wildcards.bundle}"):
    left = score(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        wildcards.model,
        snakemake.params.cell_keys,
    )
    write_marker(snakemake.output.marker, left)
