"""Fetch models and data sets into the hub cache."""

from pathlib import Path

from prunegrid.jobs.download import download, go_online
from prunegrid.jobs.job_log import job_log
from prunegrid.study.inputs import StudyInputs

go_online()
with job_log(snakemake.log[0], "download"):
    download(StudyInputs(snakemake.config, Path(snakemake.params.home), snakemake.params.prepared))
