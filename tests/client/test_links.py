"""What a link opens, and which manifests are none (S3-6, docs/crypto.md §12.2)."""

from typing import Any

import pytest

from client.seal.cobblestone import decrypt_file
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, MalformedError, SealError, TrustError
from client.seal.files import FileManifest, PartHasher, file_context, parse_file, unpad_file
from client.seal.link_manifests import LinkManifest, make_link_manifest, read_link_manifest
from client.seal.links import (
    dump_fragment,
    link_keys,
    open_link_manifest,
    parse_fragment,
    protect_secret,
    seal_link_manifest,
)
from client.seal.primitives import sha256
from client.seal.safety_number import shown_fingerprint
from tests.client.file_pieces import pattern
from tests.client.people import GOLDEN, bit_flips, golden_device

SECRET, TRANSFER = b"\x44" * 32, b"\x55" * 16
ALICE = golden_device("A")


def test_keys_are_those_of_the_golden_vectors() -> None:
    keys = link_keys(SECRET)
    assert {"auth": keys.auth.hex(), "manifest": keys.manifest.hex()} == GOLDEN["link"]


def test_a_passphrase_makes_the_keys_of_the_golden_vectors(file_vectors: dict[str, Any]) -> None:
    vector = file_vectors["link"]
    protected = protect_secret(SECRET, vector["passphrase"], TRANSFER)
    keys = link_keys(protected)
    assert protected.hex() == vector["protected"]
    assert (keys.auth.hex(), keys.manifest.hex()) == (vector["auth"], vector["manifest_key"])
    opened = open_link_manifest(keys.manifest, TRANSFER, bytes.fromhex(vector["manifest"]))
    assert opened == vector["json"].encode()


def test_the_fragment_brings_the_secret() -> None:
    assert parse_fragment(dump_fragment(SECRET)) == SECRET


@pytest.mark.parametrize("fragment", ["", "1", "1.AAAA", "1.*", dump_fragment(SECRET) + ".x"])
def test_nothing_else_is_taken_for_a_fragment(fragment: str) -> None:
    with pytest.raises(SealError):
        parse_fragment(fragment)


def test_another_version_is_refused_not_guessed_at() -> None:
    with pytest.raises(DecryptError, match="unsupported"):
        parse_fragment("2" + dump_fragment(SECRET)[1:])


def test_every_byte_of_a_manifest_matters() -> None:
    key = link_keys(SECRET).manifest
    sealed = seal_link_manifest(key, TRANSFER, b"{}")
    assert open_link_manifest(key, TRANSFER, sealed) == b"{}"
    for changed in bit_flips(sealed):
        with pytest.raises(DecryptError):
            open_link_manifest(key, TRANSFER, changed)
    with pytest.raises(DecryptError):
        open_link_manifest(key, b"\x56" * 16, sealed)


def golden_files(vectors: dict[str, Any]) -> tuple[FileManifest, ...]:
    """The files of the vectors, as they say of themselves."""
    return tuple(
        FileManifest(
            file_id=bytes.fromhex(each["file_id"]),
            size_bytes=each["size"],
            encrypted_bytes=each["ct_size"],
            root=bytes.fromhex(each["root"]),
            name=each["name"],
            mime=each["mime"],
            file_key=bytes.fromhex(each["file_key"]),
        )
        for each in vectors["files"]
    )


def test_the_contents_of_the_golden_vectors_are_what_their_files_say(
    link_vectors: dict[str, Any],
) -> None:
    for vector, file in zip(link_vectors["files"], golden_files(link_vectors), strict=True):
        ciphertext, hasher = b64url_decode(vector["ciphertext"]), PartHasher()
        hasher.update(ciphertext)
        assert hasher.finish().root(file.file_id) == file.root
        padded = decrypt_file(file.file_key, file_context(file.file_id), [ciphertext])
        assert b"".join(unpad_file(padded, file.size_bytes)) == pattern(file.size_bytes)


def test_the_manifests_of_the_golden_vectors_are_read(link_vectors: dict[str, Any]) -> None:
    for case in link_vectors["accepted"]:
        read = read_link_manifest(TRANSFER, opened(link_vectors, case))
        assert read.files == golden_files(link_vectors)[: len(read.files)], case["name"]
        assert told(read) == case["from"], case["name"]


def opened(vectors: dict[str, Any], case: dict[str, Any]) -> bytes:
    """The json of a case, after every step to it came out as the vectors say."""
    secret = parse_fragment(vectors["fragment"])
    if case["passphrase"] is not None:
        secret = protect_secret(secret, case["passphrase"], TRANSFER)
        assert secret.hex() == vectors["protected"]
    keys = link_keys(secret)
    assert (keys.auth.hex(), keys.manifest.hex()) == (case["auth"], case["manifest_key"])
    assert sha256(keys.auth).hex() == case["auth_hash"]
    data = open_link_manifest(keys.manifest, TRANSFER, b64url_decode(case["manifest"]))
    assert data == written(case)
    return data


def written(case: dict[str, Any]) -> bytes:
    return bytes(case["json"].encode().ljust(case["json_bytes"]))


def told(read: LinkManifest) -> dict[str, str] | None:
    """Who signed, as the vectors write it."""
    if read.sender is None:
        return None
    device = read.sender.device
    return {
        "name": read.sender.name,
        "user_id": device.user_id.hex(),
        "device_id": device.device_id.hex(),
        "fingerprint": shown_fingerprint(device.user_id, device.account_key),
    }


def test_what_is_made_is_written_as_in_the_golden_vectors(link_vectors: dict[str, Any]) -> None:
    """Signatures are drawn anew each time, so that only what is not signed can be compared."""
    case = link_vectors["accepted"][1]
    assert make_link_manifest(TRANSFER, golden_files(link_vectors)) == written(case)


def test_s3_6_manifests_that_are_refused(link_vectors: dict[str, Any]) -> None:
    """Row 20: files renamed, reordered, taken away, or in another name, and everything unclear."""
    reasons = {case["name"]: refusal(case) for case in link_vectors["refused"]}
    assert len(reasons) == 66
    assert reasons == {case["name"]: case["reason"] for case in link_vectors["refused"]}


def refusal(case: dict[str, str]) -> str:
    transfer_id, secret = bytes.fromhex(case["transfer_id"]), bytes.fromhex(case["secret"])
    key, sealed = link_keys(secret).manifest, b64url_decode(case["manifest"])
    try:
        read_link_manifest(transfer_id, open_link_manifest(key, transfer_id, sealed))
    except (DecryptError, TrustError) as error:
        return error.reason.value
    return "taken"


@pytest.mark.parametrize("name", ["Alice", "🌿" * 64])
def test_what_is_signed_says_who_signed(link_vectors: dict[str, Any], name: str) -> None:
    files = golden_files(link_vectors)
    read = read_link_manifest(TRANSFER, make_link_manifest(TRANSFER, files, ALICE, name))
    assert read.files == files
    assert read.sender is not None
    assert (read.sender.name, read.sender.device) == (name, ALICE.identity())


@pytest.mark.parametrize("name", ["", "a" * 65, "two\nlines", "Bob\u202e", "\ud800"])
def test_no_manifest_is_made_that_nobody_would_take(
    link_vectors: dict[str, Any], name: str
) -> None:
    files = golden_files(link_vectors)
    for wrong in ((), files[:1] * 2):
        with pytest.raises(MalformedError):
            make_link_manifest(TRANSFER, wrong)
    with pytest.raises(MalformedError):
        make_link_manifest(TRANSFER, files, ALICE, name)


def test_every_byte_of_the_json_matters(link_vectors: dict[str, Any]) -> None:
    """Keys and padding included, although the signature covers neither: they say it otherwise."""
    made = make_link_manifest(TRANSFER, golden_files(link_vectors), ALICE, "Alice")
    before = read_link_manifest(TRANSFER, made)
    for changed in bit_flips(made):
        try:
            read = read_link_manifest(TRANSFER, changed)
        except SealError:
            continue
        assert read != before
        assert [each.root for each in read.files] == [each.root for each in before.files]


def test_a_file_says_the_same_in_a_link_and_in_a_message(link_vectors: dict[str, Any]) -> None:
    for file in golden_files(link_vectors):
        assert parse_file(file.record()) == file
        assert file.dump(bytes(64)) == {**file.record(), "sig": b64url_encode(bytes(64))}
