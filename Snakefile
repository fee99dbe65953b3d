"""The workflow, for `snakemake` typed here: workflow/Snakefile is the whole of it."""


include: "workflow/Snakefile"


# Rules of an included file are no default target.
workflow.default_target = "all"
