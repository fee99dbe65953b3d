"""Print which cells are missing, and why."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.status import print_status
from prunegrid.study.plan import Plan

with job_log(snakemake.log[0], "status"):
    print_status(Plan(snakemake.config, Path(snakemake.params.home), snakemake.params.prepared))
