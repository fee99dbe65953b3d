"""Draw one benchmark of the demo."""

from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.jobs.job_log import job_log

with job_log(snakemake.log[0], snakemake.wildcards.benchmark):
    render_benchmark(
        snakemake.wildcards.benchmark,
        snakemake.output.parquet,
        seed=snakemake.params.seed,
        key=snakemake.params.code,
    )
