"""Proof that each model is pruned rightly where it runs: on its weights, dtype, device and attention kernel."""


rule check:
    """Target: `snakemake --cores 1 check`, always run: checks every model of the study, fails if one fails.

    What it finds is in check.json then, too: an output would be deleted with the failed job.
    """
    input:
        data=prepared_data(PLAN.grid.cells),
    log:
        f"{RESULTS}/logs/check.log",
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=largest_need("mem_mb"),
        runtime=largest_need("runtime"),
        gpu=largest_need("gpus"),
    params:
        home=str(HOME),
        prepared=sorted(PLAN.inputs.prepared),
    script:
        "../scripts/check.py"
