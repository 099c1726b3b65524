"""The wire vocabulary: ids, frames, bodies, errors and limits; no I/O and no rules."""
