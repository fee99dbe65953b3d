"""Measure what text and image tokens of one model read of each other, and what answers lose without."""

from pathlib import Path

from prunegrid.jobs.devices import hold_devices
from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.measure_flow import measure_flow

wildcards = snakemake.wildcards
with (
    job_log(snakemake.log[0], f"flow of {wildcards.model} {wildcards.benchmark}"),
    hold_devices(snakemake.resources.get("gpu", 0), snakemake.config["slots_per_gpu"]),
):
    measure_flow(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        wildcards.model,
        wildcards.benchmark,
        snakemake.params.key,
        snakemake.output.rows,
        threads=snakemake.threads,
    )
