"""What is true of one thing, and what its store must promise.

Every port's docstring is a contract: each sentence has a test in `tests/contracts/`, run on every
adapter. Times are integer milliseconds UTC and come in as arguments; a store never reads a clock.
A read never returns what has expired at the `now_ms` it is given, swept or not.
"""
