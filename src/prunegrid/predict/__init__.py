"""Predictions: from samples to rows, with a model."""
