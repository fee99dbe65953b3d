"""Draw the figures of one model from its tables."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.report.tradeoff import plot_tradeoff
from prunegrid.results.seals import check_seals, write_seal
from prunegrid.tables.options import TableOptions

with job_log(snakemake.log[0], f"figures of {snakemake.wildcards.model}"):
    check_seals([snakemake.input.seal])
    plot_tradeoff(
        Path(snakemake.input.strategy).parent,
        Path(snakemake.output[0]).parent,
        TableOptions(**snakemake.params.options),
    )
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
