"""What text and image tokens read of each other in every layer, and what answers lose where that is hidden.

It may import `predict`, `results`, `data`, `pruning`, and files of the package's root.
"""
