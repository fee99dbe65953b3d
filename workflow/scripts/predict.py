"""Compute what is missing of one bundle, or a part of it."""
# ruff: noqa: E402 - what is imported behind the call is recorded.

from pathlib import Path

from prunegrid.source.imported import record_imports

# Before all that computes: what is imported from here on is held against the plan.
record_imports()

from prunegrid.jobs.devices import hold_devices
from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.predict import predict
from prunegrid.study.markers import write_marker

wildcards = snakemake.wildcards
with (
    job_log(snakemake.log[0], f"{wildcards.model} {wildcards.bundle}{wildcards.part}"),
    hold_devices(snakemake.resources.get("gpu", 0), snakemake.config["slots_per_gpu"]),
):
    left = predict(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        (wildcards.model, wildcards.bundle),
        wildcards.part,
        snakemake.params.cell_keys,
        threads=snakemake.threads,
        code=snakemake.params.code,
    )
    write_marker(snakemake.output.marker, left)
