"""Measures how long cells take and how much memory they need, a cell at a time on an otherwise idle device.

It may import `predict`, `pruning`, `results`, `data`, and files of the package's root.
"""
