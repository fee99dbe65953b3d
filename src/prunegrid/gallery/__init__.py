"""Samples of a study: their pictures, what survived each cut, what was answered; a browser of them.

It may import `tables`, `cost`, `predict`, `results`, `data`, `pruning`, and files of the package's root.
"""
