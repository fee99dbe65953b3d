"""Measure how long the chosen cells of a model take."""

from pathlib import Path

from prunegrid.jobs.devices import hold_devices
from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.measure_latency import measure_latency

with (
    job_log(snakemake.log[0], f"latency of {snakemake.wildcards.model}"),
    hold_devices(snakemake.resources.get("gpu", 0)),
):
    measure_latency(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        snakemake.wildcards.model,
        snakemake.params.key,
        snakemake.output.measurements,
        threads=snakemake.threads,
    )
