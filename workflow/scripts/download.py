"""Fetch models and data sets into the hub cache."""

from pathlib import Path

from prunegrid.download import download_all, go_online
from prunegrid.plan import Plan
from prunegrid.progress import job_log

go_online()
with job_log(snakemake.log[0], "download") as say:
    download_all(Plan(snakemake.config, Path(snakemake.params.home), snakemake.params.prepared), say)
