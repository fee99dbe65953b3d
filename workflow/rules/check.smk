"""Proof that each model is pruned rightly where it runs: on its weights, dtype, device and attention kernel."""


localrules:
    check,


rule check_model:
    """Check a model on the first samples of the study's benchmarks; the job fails where a step does.

    What it finds is in check.json then, too: an output would be deleted with the failed job.
    """
    input:
        data=ancient(prepared_data(PLAN.grid.cells)),
    output:
        # Not kept: whoever asks for a check wants it made.
        passed=temp(touch(f"{JOBS}/checked.done")),
    log:
        f"{RESULTS}/logs/check_model/{{model}}.log",
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt("mem_mb"),
        runtime=more_each_attempt("runtime"),
        gpu=lambda wildcards: model_spec(wildcards)["gpus"],
    params:
        home=str(HOME),
        prepared=sorted(PLAN.inputs.prepared),
    script:
        "../scripts/check_model.py"


rule check:
    """Target: `snakemake --cores 1 check`, always run: checks every model of the study, fails if one fails."""
    input:
        passed=expand(rules.check_model.output.passed, model=config["models"]),
