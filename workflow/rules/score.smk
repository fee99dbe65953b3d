"""Scores: one job for the cells of a bundle, then one light job per cell that puts its files in their place."""


rule score:
    """Score the cells of a bundle whose scores the stores do not hold yet; the marker lists what they then
    hold."""
    input:
        predictions=lambda wildcards: marker_of(
            wildcards, predicted_marker(PLAN, wildcards.model, wildcards.bundle)
        ),
        lost=lambda wildcards: lost(
            wildcards,
            f"scored-{wildcards.bundle}.done",
            [key for keys in score_keys(wildcards).values() for key in keys.values()],
        ),
    output:
        marker=f"{JOBS}/scored-{{bundle}}.done",
    log:
        f"{RESULTS}/logs/score/{{model}}/{{bundle}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        cell_keys=score_keys,
        code=scoring_code,
    script:
        "../scripts/score.py"


localrules:
    publish,


rule publish:
    """Link a cell's files from the store to their place."""
    input:
        # A cell that the store holds waits for nothing: Snakemake's `ancient` would hide missing outputs
        # behind a job that runs for other cells.
        scored=lambda wildcards: (
            []
            if in_store(wildcards)
            else marker_of(wildcards, f"scored-{PLAN.bundle_of(cell_of(wildcards))}.done")
        ),
        displaced=displaced,
    output:
        predictions=f"{RESULTS}/{CELL}/predictions.parquet",
        scores=f"{RESULTS}/{CELL}/scores.json",
        samples=f"{RESULTS}/{CELL}/scores.parquet",
    log:
        f"{RESULTS}/logs/publish/{CELL}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        predictions=lambda wildcards: str(
            store_of(wildcards).predictions(PLAN.keys.prediction_key(cell_of(wildcards)))
        ),
        scores=lambda wildcards: str(store_of(wildcards).scores(PLAN.keys.score_key(cell_of(wildcards)))),
        folder=f"{RESULTS}/{CELL}",
    shell:
        # Copies where the file system has no hard links, or the store lies on another one.
        "{{ ln -f {params.predictions:q} {output.predictions:q}"
        " || cp -f {params.predictions:q} {output.predictions:q}; }} > {log:q} 2>&1"
        " && {{ ln -f {params.scores:q}/scores.json {params.scores:q}/scores.parquet {params.folder:q}"
        " || cp -f {params.scores:q}/scores.json {params.scores:q}/scores.parquet {params.folder:q}; }}"
        " >> {log:q} 2>&1"
