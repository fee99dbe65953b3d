"""Gather the samples of one model that the page shows."""

from pathlib import Path

from prunegrid.jobs.collect_samples import collect_samples
from prunegrid.jobs.job_log import job_log
from prunegrid.results.checksums import check_cells
from prunegrid.results.seals import write_seal

with job_log(snakemake.log[0], f"samples of {snakemake.wildcards.model}"):
    check_cells(snakemake.params.files)
    collect_samples(
        snakemake.config,
        Path(snakemake.scriptdir).resolve().parents[1],
        snakemake.wildcards.model,
        snakemake.params.cells,
        snakemake.params.options,
        snakemake.input.checked,
        snakemake.output[0],
    )
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
