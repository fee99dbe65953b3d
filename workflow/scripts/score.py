"""Score the cells of one model and benchmark."""

from pathlib import Path

from prunegrid.jobs import score_benchmark
from prunegrid.progress import job_log

wildcards = snakemake.wildcards
with job_log(snakemake.log[0], f"{wildcards.model} {wildcards.benchmark}") as say:
    home = Path(snakemake.scriptdir).resolve().parents[1]
    score_benchmark(
        snakemake.config, home, wildcards.model, wildcards.benchmark, snakemake.params.cell_keys, say
    )
