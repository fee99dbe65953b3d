"""Write the page that holds all tables and figures."""

from prunegrid.jobs.job_log import job_log
from prunegrid.report.write import write_report

with job_log(snakemake.log[0], "report"):
    write_report(snakemake.params.models, snakemake.output[0])
