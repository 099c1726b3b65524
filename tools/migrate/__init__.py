"""Growing from the embedded database to MongoDB; see `__main__.py`."""
