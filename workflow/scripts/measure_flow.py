"""Measure what text and image tokens of one model read of each other, and what answers lose without."""
# ruff: noqa: E402 - what is imported behind the call is recorded.

from pathlib import Path

from prunegrid.source.imported import record_imports

# Before all that computes: what is imported from here on is held against the plan.
record_imports()

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
        code=snakemake.params.code,
    )
