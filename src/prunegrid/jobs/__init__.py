"""The functions that the workflow's scripts call, one a job: download, predict, score.

It may import `study`, `predict`, `scoring`, `cost`, `results`, `data`, and files of the package's root.
"""
