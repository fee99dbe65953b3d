"""Time and memory of the cells that `latency: {cells: ...}` names, in a job of its own: it shares nothing with predictions."""


rule measure_latency:
    """Measure cells of a model, one at a time; nothing runs beside it on the machine or on its devices."""
    input:
        data=lambda wildcards: prepared_data(MEASURED[wildcards.model]),
    output:
        measurements=f"{RESULTS}/{{model}}/latency.parquet",
        checksum=f"{RESULTS}/{{model}}/latency.checksum.json",
    log:
        f"{RESULTS}/logs/measure_latency/{{model}}.log",
    conda:
        "../../envs/gpu.yaml"
    # All of them: what runs beside it would change what it measures. A cluster's profile names none.
    threads: workflow.resource_settings.cores or 1
    resources:
        mem_mb=more_each_attempt("mem_mb"),
        runtime=more_each_attempt("runtime"),
        gpu=lambda wildcards: model_spec(wildcards)["gpus"],
    params:
        key=lambda wildcards: PLAN.keys.latency_key(MEASURED[wildcards.model]),
    script:
        "../scripts/measure_latency.py"


rule latency:
    """Target: `snakemake --cores 1 latency`."""
    input:
        [file for model in MEASURED for file in measurements_of(model)],
