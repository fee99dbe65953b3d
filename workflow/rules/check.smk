"""Proof that each model is pruned rightly where it runs: on its weights, dtype, device and attention kernel."""


def most(need):
    """The largest need among the study's models."""
    return max(config["model_specs"][model][need] for model in config["models"])


rule check:
    """Target: `snakemake --cores 1 check`, always run: checks every model of the study, fails if one fails.

    What it finds is in check.json then, too: an output would be deleted with the failed job.
    """
    input:
        data=ancient(prepared_data(PLAN.grid.cells)),
    log:
        f"{RESULTS}/logs/check.log",
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=most("mem_mb"),
        runtime=most("runtime"),
        gpu=most("gpus"),
    params:
        home=str(HOME),
        prepared=sorted(PLAN.inputs.prepared),
    script:
        "../scripts/check.py"
