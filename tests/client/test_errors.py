"""What a server refused, in words."""

import pytest

from client.errors import RefusedError


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("stored", "wait until older files"),
        ("daily", "go on tomorrow"),
        ("pending", "let some of them finish"),
        ("transfers", "withdraw one"),
        ("another", "as the server says"),
    ],
)
def test_a_quota_that_is_full_says_which_and_what_to_do(limit: str, words: str) -> None:
    body = {"code": "quota_full", "message": "as the server says", "limit": limit}
    assert words in str(RefusedError(body))
