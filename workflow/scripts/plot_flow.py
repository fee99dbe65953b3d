"""Compare answers with a flow hidden with those without, draw them, and suggest layers for two cuts."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.report.flow_figure import plot_flow
from prunegrid.results.seals import write_seal
from prunegrid.tables.options import TableOptions

with job_log(snakemake.log[0], f"flow of {snakemake.wildcards.model}"):
    plot_flow(
        snakemake.wildcards.model,
        dict(zip(snakemake.params.flow_keys, snakemake.input.rows, strict=True)),
        snakemake.params.flow_keys,
        Path(snakemake.output[0]).parent,
        TableOptions(**snakemake.params.options),
        snakemake.params.margin,
    )
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
