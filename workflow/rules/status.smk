"""What is done and what is missing: at the end of every run, and on request."""


localrules:
    status,


rule status:
    """Target: `snakemake --cores 1 status`, always run: prints which cells are missing, and why."""
    log:
        # Not among the results, which may be another user's.
        ".snakemake/prunegrid-status.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        home=str(HOME),
        prepared=sorted(PLAN.inputs.prepared),
    script:
        "../scripts/status.py"


onsuccess:
    say_end(failed=False)


onerror:
    say_end(failed=True)
