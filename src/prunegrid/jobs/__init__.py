"""The functions that the workflow's scripts call, one module a job.

It may import `findings`, `gallery`, `tables`, `study`, `latency`, `checks`, `predict`, `scoring`, `cost`,
`results`, `data`, `source`, and files of the package's root.
"""
