"""Plug-ins, one file each: before which decoder layers image tokens are dropped, and how many.

It may import `pruning`, and files of the package's root.
"""
