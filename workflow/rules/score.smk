"""Scores: one job for all cells of a model and benchmark, then one light job per cell that puts its files
in their place."""


rule score:
    """Score the cells whose scores the store does not hold yet; the marker lists what it then holds."""
    input:
        predictions=lambda wildcards: [
            f"{store_of(wildcards)}/{marker}"
            for marker in PLAN.bundle_markers(wildcards.model, wildcards.benchmark)
        ],
        lost=lambda wildcards: PLAN.lost(f"{store_of(wildcards)}/scored.done"),
    output:
        marker=f"{STORE}/scored.done",
    log:
        f"{RESULTS}/logs/score/{{model}}/{{benchmark}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        cell_keys=lambda wildcards: {
            PLAN.prediction_key(cell): PLAN.score_key(cell) for cell in cells_of(wildcards)
        },
    script:
        "../scripts/score.py"


localrules:
    publish,


rule publish:
    """Link a cell's files from the store to their place."""
    input:
        # A cell that the store holds waits for nothing: Snakemake's `ancient` would hide missing outputs
        # behind a job that runs for other cells.
        scored=lambda wildcards: [] if in_store(wildcards) else f"{store_of(wildcards)}/scored.done",
        lost=lambda wildcards: PLAN.cut_short(cell_file(cell_of(wildcards), "predictions.parquet")),
    output:
        predictions=f"{RESULTS}/{CELL}/predictions.parquet",
        scores=f"{RESULTS}/{CELL}/scores.json",
        samples=f"{RESULTS}/{CELL}/scores.parquet",
    log:
        f"{RESULTS}/logs/publish/{CELL}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        predictions=lambda wildcards: f"{store_of(wildcards)}/{PLAN.prediction_key(cell_of(wildcards))}.parquet",
        scores=lambda wildcards: f"{store_of(wildcards)}/scores/{PLAN.score_key(cell_of(wildcards))}",
    shell:
        "( ln -f {params.predictions:q} {output.predictions:q}"
        " && ln -f {params.scores:q}/scores.json {output.scores:q}"
        " && ln -f {params.scores:q}/scores.parquet {output.samples:q} ) > {log:q} 2>&1"
