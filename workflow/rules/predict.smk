"""Predictions: a job takes a bundle of cells that share model and benchmark, and computes those of them
that the store does not hold yet."""


def bundle_of(wildcards):
    """The cells of a bundle."""
    return PLAN.bundles(wildcards.model, wildcards.benchmark)[wildcards.bundle]


rule predict:
    """Compute the missing cells of a bundle into the store; says so with an empty marker."""
    input:
        data=lambda wildcards: ancient(data_of(wildcards)),
    output:
        marker=touch(RESULTS + "/{model}/{benchmark}/.store/predicted-{bundle}.done"),
    log:
        RESULTS + "/logs/predict/{model}/{benchmark}/{bundle}.log",
    benchmark:
        RESULTS + "/logs/predict/{model}/{benchmark}/{bundle}.benchmark.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    params:
        cell_keys=lambda wildcards: [PLAN.prediction_key(cell) for cell in bundle_of(wildcards)],
    script:
        "../scripts/predict.py"
