"""A configuration's cells, their keys, the jobs that compute them, and which results are there.

It may import `checks`, `cost`, `results`, `data`, `source`, `pruning`, and files of the package's root.
"""
