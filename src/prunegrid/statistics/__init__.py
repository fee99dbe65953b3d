"""Bootstrap, score intervals, permutation and exact tests, Holm's correction, calibration, flips, in NumPy.

It may import files of the package's root alone.

Everything is seeded and vectorised over cells: the weights of one bootstrap are shared by all cells of a
benchmark, so that a whole table costs one matrix product.
"""
