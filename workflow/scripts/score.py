"""Score the cells of one model and benchmark."""

import json
from pathlib import Path

from prunegrid.files import write_text
from prunegrid.jobs import score_benchmark
from prunegrid.progress import job_log
from prunegrid.store import SEAL

wildcards, keys = snakemake.wildcards, snakemake.params.cell_keys
with job_log(snakemake.log[0], f"{wildcards.model} {wildcards.benchmark}") as say:
    home = Path(snakemake.scriptdir).resolve().parents[1]
    score_benchmark(snakemake.config, home, wildcards.model, wildcards.benchmark, keys, say)
    write_text(snakemake.output.marker, json.dumps({key: [f"scores/{key}/{SEAL}"] for key in keys.values()}))
