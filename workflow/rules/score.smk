"""Scores: one job for all cells of a model and benchmark, then one light job per cell that puts its files
in their place."""


def cells_of(wildcards):
    """The cells of a model and benchmark."""
    return [
        cell
        for cell in PLAN.grid.cells
        if (cell.model, cell.benchmark) == (wildcards.model, wildcards.benchmark)
    ]


rule score:
    """Score the cells whose scores the store does not hold yet; says so with an empty marker."""
    input:
        predictions=lambda wildcards: expand(
            store_of(wildcards) + "/predicted-{bundle}.done",
            bundle=PLAN.bundles(wildcards.model, wildcards.benchmark),
        ),
    output:
        marker=touch(RESULTS + "/{model}/{benchmark}/.store/scored.done"),
    log:
        RESULTS + "/logs/score/{model}/{benchmark}.log",
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
        # Its keys tell when a cell has to be published again; the marker only comes first.
        scored=lambda wildcards: ancient(store_of(wildcards) + "/scored.done"),
    output:
        predictions=RESULTS + "/" + CELL + "/predictions.parquet",
        scores=RESULTS + "/" + CELL + "/scores.json",
        samples=RESULTS + "/" + CELL + "/scores.parquet",
    log:
        RESULTS + "/logs/publish/" + CELL + ".log",
    conda:
        "../../envs/cpu.yaml"
    params:
        predictions=lambda wildcards: f"{store_of(wildcards)}/{PLAN.prediction_key(cell_of(wildcards))}.parquet",
        scores=lambda wildcards: f"{store_of(wildcards)}/scores/{PLAN.score_key(cell_of(wildcards))}",
    shell:
        "( ln -f {params.predictions:q} {output.predictions:q}"
        " && ln -f {params.scores:q}/scores.json {output.scores:q}"
        " && ln -f {params.scores:q}/scores.parquet {output.samples:q} ) > {log:q} 2>&1"
