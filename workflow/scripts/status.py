"""Print which cells are missing, and why."""

from pathlib import Path

from prunegrid.jobs.progress import job_log
from prunegrid.study.plan import Plan
from prunegrid.study.status import as_text, status

with job_log(snakemake.log[0], "status") as say:
    plan = Plan(snakemake.config, Path(snakemake.params.home), snakemake.params.prepared)
    cells = status(plan)
    print(as_text(cells, plan), flush=True)
    say(f"{len(cells)} cells")
