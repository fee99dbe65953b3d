"""The errors a user meets. Each message names the file, row or key, and what would be right."""


class PrunegridError(Exception):
    """Base of all errors that prunegrid raises on purpose."""


class ConfigError(PrunegridError):
    """The configuration names or asks for something that cannot be."""


class DataError(PrunegridError):
    """A data set or a file of results is not what it should be."""


class CodeChangedError(PrunegridError):
    """Code was edited while a run went on, and results are not what their keys stand for."""


class InputsChangedError(PrunegridError):
    """Files of a model or of data were changed while a run went on: results are not what keys stand for."""


class NotDownloadedError(DataError):
    """A model or data set of the hub is not on this machine, or not all of it."""


class PruningError(PrunegridError):
    """A model, input or schedule cannot be pruned as asked."""


class UnreachableRatioError(PruningError):
    """No value of a strategy's free parameter removes the requested share of tokens."""
