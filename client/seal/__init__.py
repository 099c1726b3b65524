"""SEAL1, the end-to-end protocol, as pure functions over immutable values.

No I/O, no clock: time comes in as an argument, randomness as an argument with a secure default.
Layouts, info strings and limits are described in `docs/crypto.md`.
"""
