"""Plug-ins, one file each: scores of the predictions of one benchmark.

It may import `scoring`, `statistics`, `data`, `lmms_tasks`, and files of the package's root.
"""
