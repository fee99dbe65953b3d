"""Benchmark adapters, one a file: rows of a data set become samples with a prompt."""
