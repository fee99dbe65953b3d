"""Strategies: at which decoder layers image tokens are dropped, and how many. One schedule a file."""
