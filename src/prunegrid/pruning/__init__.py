"""The engine: hooks that drop image tokens in a model's prefill, and the base classes of its plug-ins.

It may import files of the package's root alone.
"""
