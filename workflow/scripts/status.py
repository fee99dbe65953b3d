"""Print which cells are missing, and why."""

from prunegrid.jobs import plan_for
from prunegrid.progress import job_log
from prunegrid.status import as_text, status

with job_log(snakemake.log[0], "status") as say:
    plan = plan_for(snakemake.config, snakemake.params.home, snakemake.params.prepared)
    cells = status(plan)
    print(as_text(cells, plan), flush=True)
    say(f"{len(cells)} cells")
