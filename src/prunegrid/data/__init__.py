"""Data sets: their files, here or in the hub's cache, their rows one at a time, and their images decoded.

It may import `lmms_tasks`, and files of the package's root.
"""
