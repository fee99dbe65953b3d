"""Figures, and results/report.html, made from the files of the tables.

It may import `tables`, `results`, and files of the package's root.
"""
