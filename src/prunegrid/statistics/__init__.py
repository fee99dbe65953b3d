"""Uncertainty of a table: clustered bootstrap, paired differences, exact and permutation tests, Holm.

Everything is NumPy, seeded and vectorised over cells: the weights of one bootstrap are shared by all
cells of a benchmark, so that a whole table costs one matrix product.
"""
