"""Tables, figures and the page that holds them."""


rule build_tables:
    """Compare the cells of a model: cells.csv, the ablation tables, their averages, and what is found in words."""
    input:
        scores=lambda wildcards: [cell_file(cell, "scores.json") for cell in model_cells(wildcards)],
        samples=lambda wildcards: [cell_file(cell, "scores.parquet") for cell in model_cells(wildcards)],
        # Not read, but checked: they are what was scored.
        predictions=lambda wildcards: [
            cell_file(cell, "predictions.parquet") for cell in model_cells(wildcards)
        ],
        measurements=lambda wildcards: measurements_of(wildcards.model),
        others=lambda wildcards: made_from_others("build_tables", wildcards),
    output:
        cells=f"{RESULTS}/{{model}}/tables/cells.csv",
        strategy=report(
            f"{RESULTS}/{{model}}/tables/strategy.html",
            caption="../report/strategy.rst",
            category="{model}",
            labels={"table": "strategy"},
        ),
        criterion=report(
            f"{RESULTS}/{{model}}/tables/criterion.html",
            caption="../report/criterion.rst",
            category="{model}",
            labels={"table": "criterion"},
        ),
        changes=report(
            f"{RESULTS}/{{model}}/tables/changes.html",
            caption="../report/changes.rst",
            category="{model}",
            labels={"table": "what pruning changed"},
        ),
        changed_answers=f"{RESULTS}/{{model}}/tables/changed_answers.csv",
        main_effects=report(
            f"{RESULTS}/{{model}}/tables/main_effects.html",
            caption="../report/main_effects.rst",
            category="{model}",
            labels={"table": "averages"},
        ),
        methods=[
            (
                report(
                    f"{RESULTS}/{{model}}/tables/{file}",
                    caption="../report/methods.rst",
                    category="{model}",
                    labels={"table": "methods"},
                )
                if file.endswith(".html")
                else f"{RESULTS}/{{model}}/tables/{file}"
            )
            for file in METHODS_TABLE
            if config["methods"]
        ],
        findings=f"{RESULTS}/{{model}}/tables/findings.json",
        findings_in_words=f"{RESULTS}/{{model}}/tables/findings.md",
        others=[
            f"{RESULTS}/{{model}}/tables/{table}.{ending}"
            for table in TABLES
            for ending in ENDINGS
            if ending != "html"
        ],
        paper=[f"{RESULTS}/{{model}}/tables/{file}" for file in PAPER],
        seal=f"{RESULTS}/{{model}}/tables/checksums.json",
    log:
        f"{RESULTS}/logs/build_tables/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        cells=lambda wildcards: described_cells(wildcards.model),
        unreachable=lambda wildcards: [
            vars(row) for row in PLAN.grid.unreachable if row.model == wildcards.model
        ],
        files=lambda wildcards: described_files(wildcards.model),
        options=table_options,
        measured=lambda wildcards: measured_under(wildcards.model),
        cell_keys=lambda wildcards: PLAN.keys.tables_key(model_cells(wildcards)),
    script:
        "../scripts/build_tables.py"


rule plot_tradeoff:
    """Draw accuracy against compute."""
    input:
        cells=rules.build_tables.output.cells,
        strategy=rules.build_tables.output.strategy,
        seal=rules.build_tables.output.seal,
        others=lambda wildcards: made_from_others("plot_tradeoff", wildcards),
    output:
        report(
            f"{RESULTS}/{{model}}/figures/strategy.svg",
            caption="../report/tradeoff.rst",
            category="{model}",
            labels={"figure": "strategies against compute"},
        ),
        report(
            f"{RESULTS}/{{model}}/figures/criterion.svg",
            caption="../report/tradeoff.rst",
            category="{model}",
            labels={"figure": "criteria against compute"},
        ),
        f"{RESULTS}/{{model}}/figures/strategy.png",
        f"{RESULTS}/{{model}}/figures/criterion.png",
        seal=f"{RESULTS}/{{model}}/figures/tradeoff.checksums.json",
    log:
        f"{RESULTS}/logs/plot_tradeoff/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        options=table_options,
        code=PLAN.keys.report_key(),
    script:
        "../scripts/plot_tradeoff.py"


rule plot_differences:
    """Draw the differences to the reference, and how many answers are the unpruned model's, with intervals."""
    input:
        cells=rules.build_tables.output.cells,
        strategy=rules.build_tables.output.strategy,
        seal=rules.build_tables.output.seal,
        others=lambda wildcards: made_from_others("plot_differences", wildcards),
    output:
        report(
            f"{RESULTS}/{{model}}/figures/differences-strategy.svg",
            caption="../report/differences.rst",
            category="{model}",
            labels={"figure": "differences of strategies"},
        ),
        report(
            f"{RESULTS}/{{model}}/figures/differences-criterion.svg",
            caption="../report/differences.rst",
            category="{model}",
            labels={"figure": "differences of criteria"},
        ),
        report(
            f"{RESULTS}/{{model}}/figures/agreement-strategy.svg",
            caption="../report/agreement.rst",
            category="{model}",
            labels={"figure": "answers as unpruned: strategies"},
        ),
        report(
            f"{RESULTS}/{{model}}/figures/agreement-criterion.svg",
            caption="../report/agreement.rst",
            category="{model}",
            labels={"figure": "answers as unpruned: criteria"},
        ),
        f"{RESULTS}/{{model}}/figures/differences-strategy.png",
        f"{RESULTS}/{{model}}/figures/differences-criterion.png",
        f"{RESULTS}/{{model}}/figures/agreement-strategy.png",
        f"{RESULTS}/{{model}}/figures/agreement-criterion.png",
        seal=f"{RESULTS}/{{model}}/figures/differences.checksums.json",
    log:
        f"{RESULTS}/logs/plot_differences/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        options=table_options,
        code=PLAN.keys.report_key(),
    script:
        "../scripts/plot_differences.py"


rule plot_survival:
    """Draw what survives: tokens in each layer, patches of the picture, tokens that criteria have in common."""
    input:
        checked=rules.build_tables.output.cells,
        scores=lambda wildcards: [cell_file(cell, "scores.json") for cell in model_cells(wildcards)],
        predictions=lambda wildcards: [
            cell_file(cell, "predictions.parquet") for cell in model_cells(wildcards)
        ],
        others=lambda wildcards: made_from_others("plot_survival", wildcards),
    output:
        report(
            f"{RESULTS}/{{model}}/figures/survival.svg",
            caption="../report/survival.rst",
            category="{model}",
            labels={"figure": "surviving patches"},
        ),
        report(
            f"{RESULTS}/{{model}}/figures/schedules.svg",
            caption="../report/schedules.rst",
            category="{model}",
            labels={"figure": "schedules"},
        ),
        report(
            f"{RESULTS}/{{model}}/figures/overlap.svg",
            caption="../report/overlap.rst",
            category="{model}",
            labels={"figure": "kept tokens in common"},
        ),
        f"{RESULTS}/{{model}}/figures/survival.png",
        f"{RESULTS}/{{model}}/figures/schedules.png",
        f"{RESULTS}/{{model}}/figures/overlap.png",
        f"{RESULTS}/{{model}}/figures/schedules.csv",
        seal=f"{RESULTS}/{{model}}/figures/survival.checksums.json",
    log:
        f"{RESULTS}/logs/plot_survival/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        cells=lambda wildcards: described_cells(wildcards.model),
        files=lambda wildcards: described_files(wildcards.model),
        options=table_options,
        code=PLAN.keys.report_key(),
    script:
        "../scripts/plot_survival.py"


rule plot_speedup:
    """Draw measured speed-up against that of FLOPs."""
    input:
        cells=rules.build_tables.output.cells,
        seal=rules.build_tables.output.seal,
        measurements=f"{RESULTS}/{{model}}/latency.parquet",
        others=lambda wildcards: made_from_others("plot_speedup", wildcards),
    output:
        report(
            f"{RESULTS}/{{model}}/figures/speedup.svg",
            caption="../report/speedup.rst",
            category="{model}",
            labels={"figure": "measured speed-up"},
        ),
        f"{RESULTS}/{{model}}/figures/speedup.png",
        seal=f"{RESULTS}/{{model}}/figures/speedup.checksums.json",
    log:
        f"{RESULTS}/logs/plot_speedup/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        options=table_options,
        code=PLAN.keys.report_key(),
    script:
        "../scripts/plot_speedup.py"


rule collect_samples:
    """Gather samples with pictures, what survived in them and what was answered: a section of the page."""
    input:
        checked=rules.build_tables.output.cells,
        data=lambda wildcards: prepared_data(model_cells(wildcards)),
        others=lambda wildcards: made_from_others("collect_samples", wildcards),
    output:
        f"{RESULTS}/{{model}}/gallery/samples.html",
        seal=f"{RESULTS}/{{model}}/gallery/checksums.json",
    log:
        f"{RESULTS}/logs/collect_samples/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        cells=lambda wildcards: described_cells(wildcards.model),
        files=lambda wildcards: described_files(wildcards.model),
        options=table_options,
        report=config["report"],
        cell_keys=lambda wildcards: PLAN.keys.gallery_key(model_cells(wildcards)),
    script:
        "../scripts/collect_samples.py"


FIGURES = [*rules.plot_tradeoff.output, *rules.plot_differences.output, *rules.plot_survival.output]


rule write_report:
    """Write one self-contained page with all tables and figures."""
    input:
        tables=expand(rules.build_tables.output, model=config["models"]),
        figures=expand(FIGURES, model=config["models"]),
        speedups=expand(rules.plot_speedup.output, model=MEASURED),
        flows=expand(rules.plot_flow.output, model=FLOWS),
        samples=expand(rules.collect_samples.output, model=config["models"]),
        changed=changed_since_it_was_made,
        others=lambda wildcards: made_from_others("write_report", wildcards),
    output:
        report(PAGE, caption="../report/report.rst", category="report"),
        seal=f"{RESULTS}/report.checksums.json",
    log:
        f"{RESULTS}/logs/write_report.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        models=[
            {
                "name": model,
                "tables": f"{RESULTS}/{model}/tables",
                "figures": f"{RESULTS}/{model}/figures",
                "samples": f"{RESULTS}/{model}/gallery/samples.html",
                "methods": bool(config["methods"]),
                "names": describe_names(PLAN),
                **{"measurements": file for file in measurements_of(model)},
                **({"flow": f"{RESULTS}/{model}/figures/flow.json"} if model in FLOWS else {}),
                "metadata": {
                    c.benchmark: cell_file(c, "predictions.parquet")
                    for c in PLAN.grid.cells
                    if (c.model, c.strategy) == (model, BASELINE)
                },
            }
            for model in config["models"]
        ],
        files=lambda wildcards: [
            describe_files(PLAN, cell) for cell in PLAN.grid.cells if cell.strategy == BASELINE
        ],
        study=page_record(config),
        # No input: a page is written whether a model was checked or not.
        checks=lambda wildcards: {model: describe_check(PLAN, model) for model in config["models"]},
        code=PLAN.keys.report_key(),
    script:
        "../scripts/write_report.py"
