"""What text and image tokens read of each other in each layer, and what answers lose where that is hidden."""


rule measure_flow:
    """Answer samples of a benchmark with flows of attention hidden, one after the other; a job that was stopped
    goes on where it was."""
    input:
        data=lambda wildcards: prepared_benchmarks([wildcards.benchmark]),
    output:
        rows=f"{RESULTS}/flow/{{model}}/{{benchmark}}.parquet",
        checksum=f"{RESULTS}/flow/{{model}}/{{benchmark}}.checksum.json",
    log:
        f"{RESULTS}/logs/measure_flow/{{model}}/{{benchmark}}.log",
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt("mem_mb"),
        runtime=more_each_attempt("runtime"),
        gpu=lambda wildcards: model_spec(wildcards)["gpus"],
    params:
        key=lambda wildcards: PLAN.keys.flow_key(wildcards.model, wildcards.benchmark),
        code=flow_code,
    script:
        "../scripts/measure_flow.py"


rule plot_flow:
    """Compare with nothing hidden: flow.csv, its figure, and layers for two cuts where the numbers tell them."""
    input:
        rows=lambda wildcards: flow_files(wildcards.model),
        others=lambda wildcards: made_from_others("plot_flow", wildcards),
    output:
        report(
            f"{RESULTS}/{{model}}/figures/flow.svg",
            caption="../report/flow.rst",
            category="{model}",
            labels={"figure": "flows of attention"},
        ),
        f"{RESULTS}/{{model}}/figures/flow.png",
        f"{RESULTS}/{{model}}/figures/flow.csv",
        suggestion=f"{RESULTS}/{{model}}/figures/flow.json",
        seal=f"{RESULTS}/{{model}}/figures/flow.checksums.json",
    log:
        f"{RESULTS}/logs/plot_flow/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        flow_keys=lambda wildcards: flow_keys(wildcards.model),
        options=lambda wildcards: {name: config["tables"][name] for name in ("replicates", "seed")},
        margin=config["flow"]["margin"],
        code=PLAN.keys.report_key(),
    script:
        "../scripts/plot_flow.py"


rule flow:
    """Target: `snakemake --cores 1 flow`."""
    input:
        expand(rules.plot_flow.output, model=FLOWS),
