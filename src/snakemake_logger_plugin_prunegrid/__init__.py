"""A logger plug-in of Snakemake: the console of a run, one line a job; the whole output is in the log file.

Snakemake finds it by this package's name, and `logger: [prunegrid]` in `profiles/` chooses it. It is imported
with every snakemake, before the Snakefile says which prunegrid to use: it imports nothing of that.
"""

from snakemake_logger_plugin_prunegrid.handler import LogHandler, LogHandlerSettings

__all__ = ["LogHandler", "LogHandlerSettings"]
