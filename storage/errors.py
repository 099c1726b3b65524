"""Why a database is not opened."""


class StorageRefused(RuntimeError):
    """The database must not be used as it is; the message is one sentence for the operator."""
