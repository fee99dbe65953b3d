"""Plug-ins, one file each: rows of a data set become samples with a prompt and a gold answer.

It may import `data`, `lmms_tasks`, and files of the package's root.
"""
