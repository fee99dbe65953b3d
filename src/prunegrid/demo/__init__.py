"""The embedded demo: a toy world, its benchmarks as Parquet, and the small LLaVA trained on it."""
