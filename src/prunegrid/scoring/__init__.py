"""Scorers: how one kind of task turns predictions into metrics. One kind a file."""
