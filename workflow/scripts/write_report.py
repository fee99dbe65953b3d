"""Write the page that holds all tables and figures."""

from prunegrid.jobs.job_log import job_log
from prunegrid.report.write import write_report
from prunegrid.results.checksums import check_cells
from prunegrid.results.seals import check_seals, write_seal
from prunegrid.results.store import PREDICTIONS

with job_log(snakemake.log[0], "report"):
    check_seals(file for file in snakemake.input if file.endswith("checksums.json"))
    # The page tells what their metadata tell.
    check_cells(snakemake.params.files, [PREDICTIONS])
    checks = snakemake.params.checks
    models = [{**model, "check": checks[model["name"]]} for model in snakemake.params.models]
    write_report(models, snakemake.output[0], study=snakemake.params.study)
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
