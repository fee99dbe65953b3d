"""prunegrid: does dropping image tokens help?

snakemake --cores 2                          the study of config.yaml, to results/report.html
snakemake --cores 2 --configfile my.yaml     your study
snakemake --cores 1 compute_plan             what every cell will cost, before it is run
snakemake --cores 1 status                   which cells are missing, and why
snakemake --cores 2 demo_model               train the embedded model anew
"""

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")
SOURCE = str(Path(workflow.basedir, "src"))
sys.path.insert(0, SOURCE)
# Scripts run in processes of their own: this checkout goes before a prunegrid that happens to be installed,
# and no job but `download` reaches for the hub.
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [SOURCE, dict(os.environ).get("PYTHONPATH")])),
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
)


# What names of published models mean, then the default study; --configfile and --config go over both.
configfile: Path(workflow.basedir, "config/models.yaml")
configfile: Path(workflow.basedir, "config.yaml")


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


rule all:
    """The tables, the figures and the page that holds them."""
    input:
        cells=[cell_file(cell, name) for cell in PLAN.grid.cells for name in CELL_FILES],
        tables=collect(
            f"{RESULTS}/{{model}}/tables/{{table}}.{{ending}}",
            model=config["models"],
            table=TABLES,
            ending=ENDINGS,
        ),
        report=f"{RESULTS}/report.html",


include: "workflow/rules/compute_plan.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/download.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/status.smk"
include: "workflow/rules/tables.smk"
