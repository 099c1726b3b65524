"""A log-in goes on in the next process, whenever it was renewed."""

from client.state import parse_state
from tests.client.crowd import Crowd


async def test_what_renews_in_the_middle_of_a_command_is_kept(crowd: Crowd) -> None:
    """Every access token runs out after minutes, and with its renewal the old cookie ends."""
    alice = await crowd.person("alice")
    at_first = alice.api.refresh_cookie
    await alice.api.renew(alice.api.access_token)  # as a call does whose token has run out
    kept = parse_state(alice.path.read_bytes()).refresh_cookie
    assert kept == alice.api.refresh_cookie != at_first
    alice.close()
    alice.start()
    await alice.account.resume()
    assert (await alice.people.me()).email == alice.email
