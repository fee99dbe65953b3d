"""The functions that the workflow's scripts call, one module a job.

It may import `findings`, `gallery`, `tables`, `study`, `latency`, `checks`, `flow`, `predict`, `scoring`,
`cost`, `results`, `data`, `source`, and files of the package's root.
"""
