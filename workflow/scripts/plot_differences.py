"""Draw the differences to the reference, and how many answers are the unpruned model's."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.report.agreement import plot_agreement
from prunegrid.report.differences import plot_differences
from prunegrid.results.seals import check_seals, write_seal
from prunegrid.tables.options import TableOptions

with job_log(snakemake.log[0], f"differences of {snakemake.wildcards.model}"):
    check_seals([snakemake.input.seal])
    tables, folder = Path(snakemake.input.strategy).parent, Path(snakemake.output[0]).parent
    options = TableOptions(**snakemake.params.options)
    for plot in (plot_differences, plot_agreement):
        plot(tables, folder, options)
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
