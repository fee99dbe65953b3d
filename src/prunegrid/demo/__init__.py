"""The demo: drawn scenes, five benchmarks as Parquet, and the training of a small LLaVA on them.

It may import `study`, `data`, and files of the package's root.
"""
