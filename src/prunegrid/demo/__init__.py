"""The demo: drawn scenes, four benchmarks of them as Parquet, and the training of a small LLaVA on them.

It may import `data`, and files of the package's root.
"""
