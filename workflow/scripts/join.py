"""Join the shards that the jobs of one bundle have left."""

import json
from pathlib import Path

from prunegrid.files import write_text
from prunegrid.jobs.predict_bundle import join_bundle
from prunegrid.jobs.progress import job_log

wildcards = snakemake.wildcards
with job_log(snakemake.log[0], f"{wildcards.model} {wildcards.bundle}") as say:
    left = join_bundle(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        (wildcards.model, wildcards.bundle),
        snakemake.params.cell_keys,
        say,
    )
    write_text(snakemake.output.marker, json.dumps(left))
