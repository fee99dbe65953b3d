"""The embedded demo: its benchmarks, drawn on demand, and the training of its model, never run by default."""


rule render_benchmark:
    """Draw one demo benchmark, or copy easy-VQA's test split from its package, in its hub schema."""
    input:
        damaged=damaged_data,
    output:
        parquet="resources/demo/{benchmark}.parquet",
    log:
        "resources/demo/logs/render_benchmark/{benchmark}.log",
    wildcard_constraints:
        benchmark="|".join(DEMO_BENCHMARKS),
    conda:
        "../../envs/demo.yaml"
    params:
        seed=0,
        code=PLAN.keys.render_key(),
    script:
        "../scripts/render_benchmark.py"


rule train_demo_model:
    """Train the demo model from scratch, half an hour on two cores; a killed run goes on where it was."""
    output:
        model=directory("results/demo_model/model"),
        summary="results/demo_model/training.json",
    log:
        "results/demo_model/train_demo_model.log",
    conda:
        "../../envs/demo.yaml"
    threads: 2
    params:
        seed=0,
    script:
        "../scripts/train_demo_model.py"


rule demo_model:
    """Target: `snakemake --cores 2 demo_model`. The committed demo/model stays as it is."""
    input:
        model=rules.train_demo_model.output.model,
