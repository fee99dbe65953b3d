"""The functions that the workflow's scripts call, one a job: download, predict, score.

It may import `study`, `predict`, `scoring`, `results`, `data`, and files of the package's root.
"""
