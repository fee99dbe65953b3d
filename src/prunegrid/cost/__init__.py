"""Compute of a sample in FLOPs, from shapes and configurations alone."""
