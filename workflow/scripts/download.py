"""Fetch models and data sets into the hub cache."""

from pathlib import Path

from prunegrid.jobs.download import download_all, go_online
from prunegrid.jobs.progress import job_log
from prunegrid.study.inputs import StudyInputs

go_online()
with job_log(snakemake.log[0], "download") as say:
    download_all(StudyInputs(snakemake.config, Path(snakemake.params.home), snakemake.params.prepared), say)
