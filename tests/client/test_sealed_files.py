"""Sealed files: who opens them, what they say, and what is refused (S3-1, S3-4, S3-7)."""

import io
from dataclasses import replace
from typing import Any

import pytest

from client.seal import cobblestone, files
from client.seal.encoding import b64url_decode, lp, t
from client.seal.errors import DecryptError, MalformedError, SealError, TrustError
from client.seal.identity import LocalDevice, enrol_device
from client.seal.keys import AgreementKey, SigningKey
from client.seal.password import PasswordParameters
from client.seal.payload import pad
from client.seal.primitives import aead_seal, sha256
from client.seal.sealed_files import OpenedFile, Sealer, open_file, seal_head
from client.seal.sealed_head import (
    MAX_SLOTS,
    NotSealedError,
    SealedHead,
    SealedKind,
    passphrase_key,
    slot_key,
)
from client.seal.sealed_manifest import PlainFile, open_manifest, seal_manifest, split_key
from tests.client.file_pieces import in_pieces, pattern
from tests.client.people import NOW_MS, USER_A, agreement_key, bit_flips, golden_device

CONTENT = pattern(40_000)
PLAIN = PlainFile("Báo cáo.pdf", "application/pdf", len(CONTENT), NOW_MS)
PASSPHRASE = "six plain words"


def new_device() -> LocalDevice:
    return enrol_device(SigningKey.generate(), b"\xcc" * 16, b"\xc1" * 16, NOW_MS)


ALICE, BOB, CAROL = golden_device("A"), golden_device("B"), new_device()


def finish(sealer: Sealer, content: bytes = CONTENT, plain: PlainFile = PLAIN) -> bytes:
    plain = replace(plain, size_bytes=len(content))
    foretold = sealer.head_bytes(plain)
    body = b"".join(sealer.content(in_pieces(content, 7_000), len(content)))
    head = sealer.head(plain)
    assert len(head) == foretold
    return head + body


def seal(content: bytes = CONTENT, sender: LocalDevice = ALICE) -> bytes:
    return finish(Sealer.for_devices([BOB.identity(), CAROL.identity()], sender), content)


def open_with(data: bytes, device: LocalDevice) -> tuple[OpenedFile, bytes]:
    file = io.BytesIO(data)
    head = SealedHead.read(file)
    return read_on(file, head, head.key_for_device(device), len(data))


def open_by(data: bytes, passphrase: str) -> tuple[OpenedFile, bytes]:
    file = io.BytesIO(data)
    head = SealedHead.read(file)
    return read_on(file, head, head.key_for_passphrase(passphrase), len(data))


def read_on(
    file: io.BytesIO, head: SealedHead, key: bytes, total_bytes: int
) -> tuple[OpenedFile, bytes]:
    opened = open_file(head, key, total_bytes)
    return opened, b"".join(opened.content(in_pieces(file.read(), 5_000)))


def test_a_head_made_later_opens_the_content_that_was_there_before() -> None:
    """As when somebody accepts what was sent to their address (docs/crypto.md §12.3)."""
    file_id, key = b"\x33" * 16, b"\x12" * 32
    padded = files.pad_file([CONTENT], len(CONTENT))
    content = b"".join(cobblestone.encrypt_file(key, files.file_context(file_id), padded))
    hasher = files.PartHasher()
    hasher.update(content)
    root = hasher.finish().root(file_id)
    file = files.FileManifest(
        file_id, len(CONTENT), len(content), root, PLAIN.name, PLAIN.mime, key
    )
    heads = [seal_head([each.identity()], ALICE, file, NOW_MS) for each in (BOB, CAROL)]
    for head, recipient in zip(heads, (BOB, CAROL), strict=True):
        opened, plain = open_with(head + content, recipient)
        assert (plain, opened.manifest.file, opened.sender) == (CONTENT, PLAIN, ALICE.identity())
    with pytest.raises(DecryptError, match="no-session"):
        open_with(heads[0] + content, CAROL)
    with pytest.raises(MalformedError):
        seal_head([], ALICE, file, NOW_MS)


@pytest.mark.parametrize("length", [0, 1, 16_384, 40_000])
def test_every_recipient_reads_content_name_time_and_sender(length: int) -> None:
    data = seal(pattern(length))
    for recipient in (BOB, CAROL):
        opened, content = open_with(data, recipient)
        assert content == pattern(length)
        assert opened.manifest.file == replace(PLAIN, size_bytes=length)
        assert opened.sender == ALICE.identity()


def test_s3_7_neither_strangers_nor_the_sender_open_what_is_for_others() -> None:
    data = seal()
    for other in (ALICE, new_device()):
        with pytest.raises(DecryptError, match="no-session"):
            open_with(data, other)


def test_a_passphrase_opens_it_and_another_one_does_not() -> None:
    data = finish(Sealer.for_passphrase("mật khẩu chung"))
    opened, content = open_by(data, "ma\u0323\u0302t kh\u00e2\u0309u chung")
    assert (content, opened.sender) == (CONTENT, None)
    with pytest.raises(DecryptError, match="no-session"):
        open_by(data, "mat khau chung")


def test_row_19_every_byte_of_the_head_matters() -> None:
    data = seal(pattern(100))
    head_bytes = SealedHead.read(io.BytesIO(data)).size_bytes
    changed = [flipped + data[head_bytes:] for flipped in bit_flips(data[:head_bytes])]
    for forged in changed + bit_flips(data[head_bytes:], every=7)[1:]:
        with pytest.raises(SealError):
            open_with(forged, BOB)


@pytest.mark.parametrize("end", [5, 7, 9, 12, 100, -1])
def test_row_20_a_file_cut_anywhere_is_refused(end: int) -> None:
    with pytest.raises(SealError):
        open_with(seal()[:end], BOB)


def test_row_20_a_file_extended_or_joined_from_two_is_refused() -> None:
    one, other = seal(), seal()
    head_bytes = SealedHead.read(io.BytesIO(one)).size_bytes
    for data in (one + b"\0", one[:head_bytes] + other[head_bytes:], one[:head_bytes]):
        with pytest.raises(DecryptError, match="auth-failed"):
            open_with(data, BOB)


@pytest.mark.parametrize("place", [6, 7])
def test_another_version_or_kind_is_refused(place: int) -> None:
    data = bytearray(seal())
    data[place] = 3
    with pytest.raises(DecryptError, match="unsupported"):
        open_with(bytes(data), BOB)


def test_any_other_file_is_told_apart() -> None:
    for data in (b"", b"%PDF-1.7 and so on"):
        with pytest.raises(NotSealedError):
            SealedHead.read(io.BytesIO(data))


def rename(data: bytes, recipient: LocalDevice, signer: LocalDevice | None) -> bytes:
    """What a recipient can make of a file that it has opened."""
    file = io.BytesIO(data)
    head = SealedHead.read(file)
    key = head.key_for_device(recipient)
    manifest, _ = open_manifest(head, key)
    renamed = replace(manifest, file=replace(manifest.file, name="invoice.pdf"))
    prefix = data[: head.size_bytes - 4 - len(head.sealed_manifest)]
    return prefix + lp(seal_manifest(key, head.binding, renamed, signer)) + file.read()


def test_row_20_a_recipient_cannot_rename_it_in_the_senders_name() -> None:
    forger = replace(ALICE, signing_key=BOB.signing_key)
    with pytest.raises(TrustError, match="bad-signature"):
        open_with(rename(seal(), BOB, forger), CAROL)


def test_a_signature_cannot_be_left_out() -> None:
    with pytest.raises(DecryptError, match="auth-failed"):
        open_with(rename(seal(), BOB, None), CAROL)


def test_a_recipient_cannot_change_the_content_for_the_others() -> None:
    data = seal()
    file = io.BytesIO(data)
    head = SealedHead.read(file)
    opened = open_file(head, head.key_for_device(BOB), len(data))
    padded = files.pad_file([bytes(len(CONTENT))], len(CONTENT))
    context = files.file_context(opened.file_id)
    body = b"".join(cobblestone.encrypt_file(opened.manifest.file_key, context, padded))
    with pytest.raises(DecryptError, match="auth-failed"):
        open_with(data[: head.size_bytes] + body, CAROL)


@pytest.mark.parametrize(
    "change",
    [
        {"account_key": BOB.account_key},
        {"account_key": b"\4" + bytes(64)},
        {"certificate": replace(ALICE.certificate, body=t("", b"no certificate"))},
        {"certificate": BOB.certificate},
    ],
)
def test_a_certificate_of_another_account_vouches_for_nobody(change: dict[str, Any]) -> None:
    data = seal(sender=replace(ALICE, **change))
    with pytest.raises(TrustError, match="bad-signature"):
        open_with(data, BOB)


@pytest.mark.parametrize("kind", SealedKind)
def test_manifests_that_are_not_well_formed_are_refused(kind: SealedKind) -> None:
    key, binding = b"\x01" * 32, b"\x02" * 32
    start = (bytes(32), bytes(8), bytes(32), bytes(8))
    named = (*start, b"a.txt", b"")
    signer = (BOB.account_key, b"body", bytes(64), bytes(64))
    contents = [
        (),
        (_body(*named),),
        (_body(*named), b"", b""),
        (_body(*start), b""),
        (_body(*start, b"a.txt"), b""),
        (_body(*start, b"../a", b""), b""),
        (_body(*start, b"\xff", b""), b""),
        (_body(bytes(31), *named[1:]), b""),
        (_body(*named, *signer[:2]), bytes(64)),
        (_body(*named, *signer, b""), bytes(64)),
        (_body(*named), bytes(63)),
        (t("SEAL1/sealed-file", *named), b""),
    ]
    manifest_key, commitment = split_key(key)
    for parts in contents:
        padded = pad(b"".join(map(lp, parts)))
        sealed = commitment + aead_seal(manifest_key, padded, binding)
        with pytest.raises(DecryptError, match="auth-failed"):
            open_manifest(SealedHead(kind, bytes(16), (), binding, sealed, 0), key)


def _body(*fields: bytes) -> bytes:
    return t("SEAL1/sealed-file/manifest", *fields)


def test_headers_that_are_not_well_formed_are_refused() -> None:
    file_id, point, slot = bytes(16), BOB.identity_key.public, bytes(60)
    people, passphrase = SealedKind.PEOPLE.preamble, SealedKind.PASSPHRASE.preamble
    parameters = PasswordParameters().encode()
    headers = [
        people + _header(file_id),
        people + _header(file_id, point),
        people + _header(file_id, point, slot[1:]),
        people + _header(file_id, point, *[slot] * (MAX_SLOTS + 1)),
        people + _header(file_id[1:], point, slot),
        people + lp(b"junk"),
        passphrase + _header(file_id),
        passphrase + _header(file_id, parameters, parameters),
        passphrase + _header(file_id, parameters[1:]),
        passphrase + _header(file_id, t("", b"argon2xx", *[bytes(4)] * 3)),
        people + (131_073).to_bytes(4, "big"),
        people + _header(file_id, point, slot) + (16_385).to_bytes(4, "big"),
    ]
    for header in headers:
        with pytest.raises(DecryptError, match="auth-failed"):
            SealedHead.read(io.BytesIO(header + lp(bytes(16_384))))


def _header(*fields: bytes) -> bytes:
    return lp(t("SEAL1/sealed-file", *fields))


def test_an_ephemeral_key_that_is_none_opens_nothing() -> None:
    head = SealedHead(SealedKind.PEOPLE, bytes(16), (b"\4" + bytes(64), bytes(60)), b"", b"", 0)
    with pytest.raises(DecryptError, match="no-session"):
        head.key_for_device(BOB)


@pytest.mark.parametrize(
    "weak",
    [
        PasswordParameters(memory_kib=8),
        PasswordParameters(time_cost=1),
        PasswordParameters(lanes=99),
    ],
)
def test_row_21_a_file_cannot_ask_for_weak_stretching(weak: PasswordParameters) -> None:
    with pytest.raises(TrustError):
        passphrase_key(bytes(16), PASSPHRASE, weak)


@pytest.mark.parametrize("count", [0, MAX_SLOTS + 1])
def test_nobody_and_too_many_are_not_sealed_for(count: int) -> None:
    with pytest.raises(MalformedError):
        Sealer.for_devices([BOB.identity()] * count, ALICE)


@pytest.mark.parametrize("change", [{"name": "a/b"}, {"mime": "TEXT"}])
def test_an_unsafe_name_or_type_is_not_sealed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        finish(Sealer.for_devices([BOB.identity()], ALICE), plain=replace(PLAIN, **change))


@pytest.mark.parametrize("kind", ["people", "passphrase"])
def test_golden_files_open_through_every_value_on_the_way(
    kind: str, file_vectors: dict[str, Any]
) -> None:
    vector = file_vectors[kind]
    data = b64url_decode(vector["file"])
    file = io.BytesIO(data)
    head = SealedHead.read(file)
    key = (
        head.key_for_device(BOB)
        if kind == "people"
        else head.key_for_passphrase(vector["passphrase"])
    )
    opened, content = read_on(file, head, key, len(data))
    manifest_key, commitment = split_key(key)
    assert content == pattern(300)
    assert {
        "head_bytes": head.size_bytes,
        "file_id": head.file_id.hex(),
        "binding": head.binding.hex(),
        "sealing_key": key.hex(),
        "manifest_key": manifest_key.hex(),
        "commitment": commitment.hex(),
        "file_key": opened.manifest.file_key.hex(),
        "root": opened.manifest.root.hex(),
        "name": opened.manifest.file.name,
        "mime": opened.manifest.file.mime,
        "size": opened.manifest.file.size_bytes,
        "sealed_at_ms": opened.manifest.file.sealed_at_ms,
    }.items() <= vector.items()
    assert (None if opened.sender is None else opened.sender.user_id) == (
        USER_A if kind == "people" else None
    )


def test_the_golden_slot_belongs_to_bob(file_vectors: dict[str, Any]) -> None:
    vector = file_vectors["people"]
    ephemeral: AgreementKey = agreement_key(vector["ephemeral"])
    secret = ephemeral.exchange(BOB.identity_key.public)
    file_id = bytes.fromhex(vector["file_id"])
    key = slot_key(secret, file_id, ephemeral.public, BOB.identity())
    assert key.hex() == vector["slot_key_of_B"]


def test_the_golden_chunks_are_made_again(file_vectors: dict[str, Any]) -> None:
    vector = file_vectors["cobblestone"]
    salt = bytes.fromhex(vector["salt"])
    ciphertext = b"".join(
        cobblestone.encrypt_file(
            bytes.fromhex(vector["file_key"]),
            files.file_context(bytes.fromhex(vector["file_id"])),
            [pattern(vector["plaintext_bytes"])],
            entropy=lambda size: salt[:size],
        )
    )
    assert sha256(ciphertext).hex() == vector["ciphertext_sha256"]
    assert ciphertext[:56].hex() == vector["prefix"]
