"""Draw what survives: tokens in each layer, patches of the picture, tokens that criteria have in common."""

from pathlib import Path

from prunegrid.jobs.job_log import job_log
from prunegrid.report.overlap import plot_overlap
from prunegrid.report.schedules import plot_schedules
from prunegrid.report.survival import plot_survival
from prunegrid.results.checksums import check_cells
from prunegrid.results.seals import write_seal
from prunegrid.results.store import PREDICTIONS, SCORES
from prunegrid.tables.options import TableOptions

with job_log(snakemake.log[0], f"what survives of {snakemake.wildcards.model}"):
    folder, options = Path(snakemake.output[0]).parent, TableOptions(**snakemake.params.options)
    check_cells(snakemake.params.files, [PREDICTIONS, SCORES])
    for plot in (plot_survival, plot_schedules, plot_overlap):
        plot(snakemake.params.cells, folder, options)
    write_seal(snakemake.output.seal, snakemake.output, dict(snakemake.params.items()))
