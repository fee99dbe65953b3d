"""Figures, and results/report.html, made from the files of the tables.

It may import `findings`, `gallery`, `tables`, `study`, `checks`, `results`, `source`, and files of the
package's root.
"""

import os

# Matplotlib reads it when it is imported: a notebook exports a backend that a job has not.
os.environ["MPLBACKEND"] = "agg"
