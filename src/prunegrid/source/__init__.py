"""What Python files import, compute and declare, found in their text without importing them.

It may import files of the package's root alone.
"""
