"""Plug-ins, one file each: a score per image token; the highest scores are kept.

It may import `pruning`, and files of the package's root.
"""
