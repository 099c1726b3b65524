"""Accounts, contacts and blocks over HTTP."""

import pytest

from tests.handlers.conftest import Browser

pytestmark = pytest.mark.every_database


async def befriend(one: Browser, other: Browser) -> None:
    code = other.session["user"]["friend_code"]
    assert (await one.call("POST", "/api/contacts", {"friend_code": code})).status == 202
    accepted = await other.call("POST", f"/api/contacts/{one.user_id}/accept")
    assert (accepted.status, accepted.json["state"]) == (200, "accepted")


async def test_people_find_each_other_and_become_contacts(an: Browser, binh: Browser) -> None:
    code = binh.session["user"]["friend_code"]
    found = await an.call("POST", "/api/users/find", {"friend_code": code})
    assert found.json["user"] == {
        "id": binh.user_id,
        "display_name": "binh",
        "friend_code": code,
    }
    await befriend(an, binh)
    for one, other in ((an, binh), (binh, an)):
        (contact,) = (await one.call("GET", "/api/contacts")).json["contacts"]
        assert contact["user"]["id"] == other.user_id
        assert contact["state"] == "accepted"
        person = await one.call("GET", f"/api/users/{other.user_id}")
        assert sorted(person.json) == ["display_name", "friend_code", "id"]


async def test_nobody_is_found_by_address(an: Browser, binh: Browser) -> None:
    for email in (binh.email, "nobody@example.org"):
        answer = await an.call("POST", "/api/users/find", {"email": email})
        assert (answer.status, answer.json) == (200, {"user": None})


async def test_a_stranger_is_not_found(an: Browser, binh: Browser) -> None:
    for path in (f"/api/users/{binh.user_id}", f"/api/users/{'A' * 22}"):
        answer = await an.call("GET", path)
        assert (answer.status, answer.code) == (404, "not_found")


async def test_the_profile_is_changed(an: Browser) -> None:
    changed = await an.call(
        "PATCH", "/api/users/me", {"display_name": " An  ", "settings": {"presence": False}}
    )
    assert changed.json["display_name"] == "An"
    assert changed.json["settings"] == {"read_receipts": True, "presence": False}
    assert (await an.call("GET", "/api/users/me")).json == changed.json


async def test_an_unknown_friend_code_is_not_found(an: Browser) -> None:
    answer = await an.call("POST", "/api/contacts", {"friend_code": "0" * 12})
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_request_by_address_answers_the_same_and_is_withdrawn(
    an: Browser, binh: Browser
) -> None:
    for email in (binh.email, "nobody@example.org"):
        answer = await an.call("POST", "/api/contacts", {"email": email})
        assert (answer.status, answer.json) == (202, {})
    listed = (await an.call("GET", "/api/contacts")).json
    assert [invite["email"] for invite in listed["invites"]] == [
        binh.email,
        "nobody@example.org",
    ]
    assert listed["contacts"] == []
    for email in (binh.email, "nobody@example.org"):
        assert (await an.call("POST", "/api/contacts/withdraw", {"email": email})).status == 200
    assert (await an.call("GET", "/api/contacts")).json["invites"] == []
    assert (await binh.call("GET", "/api/contacts")).json["contacts"] == []


async def test_a_contact_is_ended_once(an: Browser, binh: Browser) -> None:
    await befriend(an, binh)
    path = f"/api/contacts/{binh.user_id}"
    assert (await an.call("DELETE", path)).status == 200
    assert (await an.call("DELETE", path)).code == "not_found"
    assert (await binh.call("GET", "/api/contacts")).json["contacts"] == []


async def test_there_is_nothing_to_accept_from_a_stranger(an: Browser, binh: Browser) -> None:
    answer = await an.call("POST", f"/api/contacts/{binh.user_id}/accept")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_block_is_listed_and_taken_back(an: Browser, binh: Browser) -> None:
    await befriend(an, binh)
    path = f"/api/blocks/{binh.user_id}"
    assert (await an.call("PUT", path)).status == 200
    assert (await an.call("PUT", path)).status == 200
    listed = (await an.call("GET", "/api/contacts")).json
    assert [person["id"] for person in listed["blocked"]] == [binh.user_id]
    assert listed["contacts"] == []
    assert (await an.call("DELETE", path)).status == 200
    assert (await an.call("DELETE", path)).code == "not_found"


@pytest.mark.parametrize("body", [{}, {"friend_code": "0" * 12, "email": "a@example.org"}])
@pytest.mark.parametrize("path", ["/api/contacts", "/api/users/find"])
async def test_people_are_named_in_exactly_one_way(
    an: Browser, path: str, body: dict[str, str]
) -> None:
    assert (await an.call("POST", path, body)).code == "bad_request"
