"""Criteria: which image tokens stay. One score a file, high = keep."""
