"""Train the demo model, with its progress in the log."""

from pathlib import Path

from prunegrid.demo.training import Recipe, train_demo_model
from prunegrid.jobs.progress import job_log

with job_log(snakemake.log[0], "demo model") as say:
    folder = Path(snakemake.output.summary).parent
    train_demo_model(folder, Recipe(seed=snakemake.params.seed), threads=snakemake.threads, say=say)
