"""Print schedule and ledger of every cell, and write them to a table."""

from pathlib import Path

from prunegrid.files import write_text
from prunegrid.jobs.progress import job_log
from prunegrid.study.compute_plan import as_text, compute_plan
from prunegrid.study.plan import Plan

with job_log(snakemake.log[0], "compute plan") as say:
    plan = Plan(snakemake.config, Path(snakemake.params.home))
    rows = compute_plan(plan)
    write_text(snakemake.params.table, rows.to_csv(index=False))
    print(as_text(rows, plan.grid.unreachable), flush=True)
    say(f"{len(rows)} cells in {snakemake.params.table}")
