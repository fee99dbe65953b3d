"""Fetch models and data sets into the hub cache."""

from prunegrid.download import download_all, go_online
from prunegrid.jobs import plan_for
from prunegrid.progress import job_log

go_online()
with job_log(snakemake.log[0], "download") as say:
    download_all(plan_for(snakemake.config, snakemake.params.home, snakemake.params.prepared), say)
