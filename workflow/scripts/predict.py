"""Compute what is missing of one bundle, or a part of it."""

import json
from pathlib import Path

from prunegrid.files import write_text
from prunegrid.jobs.devices import hold_devices
from prunegrid.jobs.predict_bundle import predict_bundle
from prunegrid.jobs.progress import job_log

wildcards = snakemake.wildcards
with (
    job_log(snakemake.log[0], f"{wildcards.model} {wildcards.bundle}{wildcards.part}") as say,
    hold_devices(snakemake.resources.get("gpu", 0), say),
):
    left = predict_bundle(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        (wildcards.model, wildcards.bundle),
        wildcards.part,
        snakemake.params.cell_keys,
        threads=snakemake.threads,
        say=say,
    )
    write_text(snakemake.output.marker, json.dumps(left))
