"""FLOPs of a sample, counted from shapes and a model's configuration; no model runs.

It may import `pruning`, and files of the package's root.
"""
