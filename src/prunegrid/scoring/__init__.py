"""The base class of scorers, rules that read an answer off a text, caption metrics, and files of scores.

It may import `statistics`, `cost`, `results`, `data`, `pruning`, `lmms_tasks`, and files of the package's
root.
"""
