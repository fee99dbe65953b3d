"""Tasks of the package lmms-eval, or of folders like its own: their prompts and scores, without its harness.

It may import `source`, and files of the package's root.
"""
