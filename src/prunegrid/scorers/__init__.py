"""Scorers, one a file: how the answers of a benchmark become numbers."""
