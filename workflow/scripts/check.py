"""Check the models of a study where they run: tables, a check.json each, and an error if a step fails."""

from pathlib import Path

from prunegrid.jobs.check_model import check_models
from prunegrid.jobs.devices import hold_devices
from prunegrid.jobs.job_log import job_log
from prunegrid.study.plan import Plan

with job_log(snakemake.log[0], "check"), hold_devices(snakemake.resources.get("gpu", 0)):
    plan = Plan(snakemake.config, Path(snakemake.params.home), snakemake.params.prepared)
    check_models(plan, snakemake.threads)
