"""Why a database is not opened."""


class StorageRefused(RuntimeError):
    """The database must not be used as it is; the message is one sentence for the operator."""


class StorageUnreachable(StorageRefused):
    """The database does not answer; it may be starting, so that trying again may help."""
