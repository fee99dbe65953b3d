"""Draw which patches survive with each criterion."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.report.survival import plot_survival
from prunegrid.results.checksums import check_cells
from prunegrid.results.seals import write_seal
from prunegrid.results.store import SCORES
from prunegrid.tables.options import TableOptions

with job_log(snakemake.log[0], f"surviving patches of {snakemake.wildcards.model}"):
    check_cells(snakemake.params.files, [SCORES])
    plot_survival(
        snakemake.params.cells,
        Path(snakemake.output[0]).parent,
        TableOptions(**snakemake.params.options),
    )
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
