"""Predictions: a job takes a bundle of cells that share model and benchmark, and computes those of them
that the store does not hold yet."""


rule predict:
    """Compute the missing cells of a bundle into the store; the marker lists what it then holds."""
    input:
        data=lambda wildcards: ancient(data_of(wildcards)),
    output:
        marker=f"{STORE}/predicted-{{bundle}}.done",
    log:
        f"{RESULTS}/logs/predict/{{model}}/{{benchmark}}/{{bundle}}.log",
    benchmark:
        f"{RESULTS}/logs/predict/{{model}}/{{benchmark}}/{{bundle}}.benchmark.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt("mem_mb"),
        runtime=more_each_attempt("runtime"),
        gpu=lambda wildcards: model_spec(wildcards)["gpus"],
    params:
        cell_keys=lambda wildcards: [PLAN.prediction_key(cell) for cell in bundle_of(wildcards)],
    script:
        "../scripts/predict.py"
