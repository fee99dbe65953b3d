"""Predictions: a job takes a bundle of cells of one model, and computes those of them that the stores do not
hold yet. Where `jobs_per_bundle` says so, several jobs divide a bundle's samples among them, and a light one
joins what they leave."""


rule predict:
    """Compute the missing cells of a bundle, or a part of them, into the stores; the marker lists what they
    then hold."""
    input:
        data=lambda wildcards: prepared_data(bundle_of(wildcards)),
        lost=lambda wildcards: lost(
            wildcards,
            f"predicted-{wildcards.bundle}{wildcards.part}.done",
            bundle_keys(wildcards),
        ),
    output:
        marker=f"{JOBS}/predicted-{{bundle}}{{part}}.done",
    log:
        f"{RESULTS}/logs/predict/{{model}}/{{bundle}}{{part}}.log",
    benchmark:
        f"{RESULTS}/logs/predict/{{model}}/{{bundle}}{{part}}.benchmark.tsv"
    # The longest first, for the last to end is not to run alone; after light jobs, whose priority is 0.
    priority: lambda wildcards: -1 / PLAN.n_tokens(wildcards.model, wildcards.bundle)
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt("mem_mb"),
        runtime=more_each_attempt("runtime"),
        gpu=lambda wildcards: model_spec(wildcards)["gpus"],
    params:
        cell_keys=bundle_keys,
        code=bundle_code,
    script:
        "../scripts/predict.py"


rule join:
    """Make the files of a bundle's cells from what its parallel jobs have left in the stores."""
    input:
        parts=lambda wildcards: [
            marker_of(wildcards, f"predicted-{wildcards.bundle}{part}.done")
            for part in parts(PLAN, wildcards.model, wildcards.bundle)
        ],
        lost=lambda wildcards: lost(wildcards, f"joined-{wildcards.bundle}.done", bundle_keys(wildcards)),
    output:
        marker=f"{JOBS}/joined-{{bundle}}.done",
    log:
        f"{RESULTS}/logs/join/{{model}}/{{bundle}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        cell_keys=bundle_keys,
        code=bundle_code,
    script:
        "../scripts/join.py"
