"""The proof that a model is pruned and measured rightly where it runs: on its weights, dtype and device.

It may import `predict`, `scoring`, `cost`, `results`, `data`, `pruning`, and files of the package's root.
"""
