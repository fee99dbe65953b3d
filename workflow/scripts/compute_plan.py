"""Print schedule and ledger of every cell, and write them to a table."""

from pathlib import Path

from prunegrid.jobs.compute_plan import print_compute_plan
from prunegrid.jobs.job_log import job_log
from prunegrid.study.plan import Plan

with job_log(snakemake.log[0], "compute plan"):
    print_compute_plan(Plan(snakemake.config, Path(snakemake.params.home)), snakemake.params.table)
