"""Join the shards that the jobs of one bundle have left."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.join import join
from prunegrid.study.markers import write_marker

wildcards = snakemake.wildcards
with job_log(snakemake.log[0], f"{wildcards.model} {wildcards.bundle}"):
    left = join(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        (wildcards.model, wildcards.bundle),
        snakemake.params.cell_keys,
        snakemake.params.code,
    )
    write_marker(snakemake.output.marker, left)
