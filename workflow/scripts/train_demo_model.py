"""Train the demo model, with its progress in the log."""

from pathlib import Path

from prunegrid.demo.training import Recipe, train_demo_model
from prunegrid.jobs.job_log import job_log

with job_log(snakemake.log[0], "demo model"):
    folder = Path(snakemake.output.summary).parent
    train_demo_model(folder, Recipe(seed=snakemake.params.seed), threads=snakemake.threads)
