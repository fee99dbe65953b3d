"""Plug-ins, one file each: what a model family of transformers does otherwise, named by its `model_type`.

It may import `cost`, `pruning`, and files of the package's root.
"""
