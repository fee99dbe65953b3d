"""Predictions: a job takes a bundle of cells that share model and benchmark, and computes those of them
that the store does not hold yet. Where `jobs_per_bundle` says so, several jobs divide a bundle's samples among
them, and a light one joins what they leave."""


rule predict:
    """Compute the missing cells of a bundle, or a part of them, into the store; the marker lists what it then
    holds."""
    input:
        data=lambda wildcards: ancient(data_of(wildcards)),
        lost=lambda wildcards: PLAN.lost(
            f"{store_of(wildcards)}/predicted-{wildcards.bundle}{wildcards.part}.done"
        ),
    output:
        marker=f"{STORE}/predicted-{{bundle}}{{part}}.done",
    log:
        f"{RESULTS}/logs/predict/{{model}}/{{benchmark}}/{{bundle}}{{part}}.log",
    benchmark:
        f"{RESULTS}/logs/predict/{{model}}/{{benchmark}}/{{bundle}}{{part}}.benchmark.tsv"
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


rule join:
    """Make the files of a bundle's cells from what its parallel jobs have left in the store."""
    input:
        parts=lambda wildcards: [
            f"{store_of(wildcards)}/predicted-{wildcards.bundle}{part}.done"
            for part in PLAN.parts(wildcards.benchmark)
        ],
        lost=lambda wildcards: PLAN.lost(f"{store_of(wildcards)}/joined-{wildcards.bundle}.done"),
    output:
        marker=f"{STORE}/joined-{{bundle}}.done",
    log:
        f"{RESULTS}/logs/join/{{model}}/{{benchmark}}/{{bundle}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        cell_keys=lambda wildcards: [PLAN.prediction_key(cell) for cell in bundle_of(wildcards)],
    script:
        "../scripts/join.py"
