"""The strategy table and the criterion table of one model, and cells.csv, from the scores of its cells.

It may import `statistics`, `cost`, `results`, and files of the package's root.
"""
