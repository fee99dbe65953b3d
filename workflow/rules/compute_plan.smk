"""What a study will cost, before it costs anything."""


localrules:
    compute_plan,


rule compute_plan:
    """Target: `snakemake --cores 1 compute_plan`, always run: prints schedule and ledger of every cell."""
    log:
        f"{RESULTS}/logs/compute_plan.log",
    conda:
        "../../envs/gpu.yaml"
    params:
        home=str(HOME),
        table=f"{RESULTS}/compute_plan.csv",
    script:
        "../scripts/compute_plan.py"
