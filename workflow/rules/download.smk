"""Models and data sets from the hub: fetched once, where there is a network. Every other job works offline."""


localrules:
    download,


rule download:
    """Target: `snakemake --cores 1 download`."""
    log:
        f"{RESULTS}/logs/download.log",
    conda:
        "../../envs/gpu.yaml"
    params:
        home=str(HOME),
        prepared=sorted(PLAN.inputs.prepared),
    script:
        "../scripts/download.py"
