"""Write the page that holds all tables and figures."""

from prunegrid.jobs.progress import job_log
from prunegrid.report.write import write_report

with job_log(snakemake.log[0], "report") as say:
    write_report(snakemake.params.models, snakemake.output[0])
    say(f"open {snakemake.output[0]}")
