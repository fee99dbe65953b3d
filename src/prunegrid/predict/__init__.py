"""Answers of a model to the samples of a benchmark, as rows of predictions.parquet.

It may import `results`, `data`, `pruning`, and files of the package's root.
"""
