"""How large a file becomes by being sealed (SEAL1 §4.12).

Clients pad and encrypt; the server sees ciphertext, and measures it by the content that fits.
"""

PAD_STEPS_BYTES = (256, 512, 1_024, 2_048, 4_096)
CHUNK_BYTES = 16 * 1024
TAG_BYTES = 16
PREFIX_BYTES = 56  # salt and commitment


def sealed_bytes(content_bytes: int) -> int:
    """Return the size of the ciphertext of a file of that size."""
    padded = _padded_bytes(content_bytes)
    return PREFIX_BYTES + padded + (padded // CHUNK_BYTES + 1) * TAG_BYTES


def _padded_bytes(content_bytes: int) -> int:
    """Return the size with the zeros behind: a step, or by Padmé above the steps."""
    for step_bytes in PAD_STEPS_BYTES:
        if content_bytes <= step_bytes:
            return step_bytes
    exponent = content_bytes.bit_length() - 1
    mask: int = (1 << (exponent - exponent.bit_length())) - 1
    return (content_bytes + mask) & ~mask
