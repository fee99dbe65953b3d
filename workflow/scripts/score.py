"""Score the cells of one bundle."""

import json
from pathlib import Path

from prunegrid.files import write_text
from prunegrid.jobs.progress import job_log
from prunegrid.jobs.score_bundle import score_bundle

wildcards, keys = snakemake.wildcards, snakemake.params.cell_keys
with job_log(snakemake.log[0], f"{wildcards.model} {wildcards.bundle}") as say:
    home = Path(snakemake.scriptdir).resolve().parents[1]
    left = score_bundle(snakemake.config, home, wildcards.model, keys, say)
    write_text(snakemake.output.marker, json.dumps(left))
