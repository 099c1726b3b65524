"""Files between both implementations of SEAL1, both ways, of every size that matters."""

import io
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pytest

from client.seal.cobblestone import CHUNK_BYTES, decrypt_file, encrypt_file
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.files import (
    PART_BYTES,
    FileContext,
    FileManifest,
    PartHasher,
    file_context,
    pad_file,
    parse_manifest,
    sealed_bytes,
    unpad_file,
)
from client.seal.link_manifests import LinkSender, make_link_manifest, read_link_manifest
from client.seal.sealed_files import Sealer, open_file
from client.seal.sealed_head import SealedHead
from client.seal.sealed_manifest import PlainFile
from tests.client.file_pieces import in_pieces, pattern
from tests.client.people import DEVICE_A, DEVICE_B, NOW_MS, USER_A, USER_B
from tests.client.test_js_interop import Browser, Python, meet

NAME, MIME = "Báo cáo tháng 11.pdf", "application/pdf"
FILE_ID, FILE_KEY = b"\x33" * 16, b"\x12" * 32
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 5 * CHUNK_BYTES + 3, PART_BYTES + 1]


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def python() -> Python:
    return Python()


def place(context: FileContext) -> dict[str, Any]:
    room_id, message_id, user, device = astuple(context)
    return {
        "roomId": room_id,
        "epoch": 0,
        "rosterHash": room_id,
        "msgId": message_id,
        "senderUser": user,
        "senderDevice": device,
    }


def root_of(blob: bytes) -> bytes:
    hasher = PartHasher()
    hasher.update(blob)
    return hasher.finish().root(FILE_ID)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_the_browser_arrives_in_python(size: int, browser: Browser) -> None:
    peer, content = meet(browser), pattern(size)
    context = FileContext(b"\x44" * 32, b"\x66" * 16, USER_B, DEVICE_B)
    sent = browser(
        "sendFile",
        context=place(context),
        content=content,
        name=NAME,
        mime=MIME,
        fileId=FILE_ID,
        fileKey=FILE_KEY,
    )
    manifest, signature = parse_manifest(sent["record"])
    manifest.verify(context, peer.signing_key, signature)
    blob = b64url_decode(sent["blob"])
    assert manifest.root == root_of(blob)
    padded = decrypt_file(FILE_KEY, file_context(FILE_ID), in_pieces(blob, 10_000))
    assert b"".join(unpad_file(padded, size)) == content


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_python_arrives_in_the_browser(
    size: int, python: Python, browser: Browser
) -> None:
    browser("meet", **python.records())
    context = FileContext(b"\x44" * 32, b"\x66" * 16, USER_A, DEVICE_A)
    padded = pad_file([pattern(size)], size)
    blob = b"".join(encrypt_file(FILE_KEY, file_context(FILE_ID), padded))
    root = root_of(blob)
    manifest = FileManifest(FILE_ID, size, sealed_bytes(size), root, NAME, MIME, FILE_KEY)
    record = manifest.dump(manifest.sign(context, python.device.signing_key))
    arrived = browser("receiveFile", context=place(context), record=record, blob=blob)
    assert b64url_decode(arrived["content"]) == pattern(size)
    assert b64url_decode(arrived["root"]) == root
    renamed = browser(
        "receiveFile", context=place(context), record=record | {"name": "x.exe"}, blob=blob
    )
    assert renamed == {"error": "bad_signature"}


@pytest.mark.parametrize("size", SIZES)
def test_a_sealed_file_of_the_browser_opens_in_python(
    size: int, python: Python, browser: Browser
) -> None:
    browser("meet", **python.records())
    sealed = browser("sealFile", content=pattern(size), name=NAME, mime=MIME)
    data = b64url_decode(sealed["file"])
    file = io.BytesIO(data)
    head = SealedHead.read(file)
    opened = open_file(head, head.key_for_device(python.device), len(data))
    assert b"".join(opened.content(in_pieces(file.read(), 9_999))) == pattern(size)
    assert opened.manifest.file == PlainFile(NAME, MIME, size, NOW_MS)
    assert opened.sender == meet(browser)


@pytest.mark.parametrize("size", SIZES)
def test_a_sealed_file_of_python_opens_in_the_browser(
    size: int, python: Python, browser: Browser
) -> None:
    peer = meet(browser)
    sealer = Sealer.for_devices([python.device.identity(), peer], python.device)
    body = b"".join(sealer.content([pattern(size)], size))
    data = sealer.head(PlainFile(NAME, MIME, size, NOW_MS)) + body
    opened = browser("openFile", file=data)
    assert b64url_decode(opened.pop("content")) == pattern(size)
    sender = b64url_decode(opened.pop("sender"))
    assert (opened, sender) == ({"name": NAME, "mime": MIME, "sealedAtMs": NOW_MS}, USER_A)
    assert browser("openFile", file=data[:-1]) == {"error": "auth-failed"}


TRANSFER, SENDER = b"\x55" * 16, "Ngọc Ánh 🌿"
LINKED = tuple(
    FileManifest(bytes([n]) * 16, n, sealed_bytes(n), bytes([n]) * 32, name, MIME, bytes([n]) * 32)
    for n, name in enumerate((NAME, 'a "quoted" note 🌿', "b, <c> & d.txt"))
)


@pytest.mark.parametrize("name", [None, SENDER])
def test_a_link_of_the_browser_reads_the_same_in_python(
    name: str | None, python: Python, browser: Browser
) -> None:
    browser("meet", **python.records())
    files = [
        {
            "fileId": each.file_id,
            "fileKey": each.file_key,
            "sizeBytes": each.size_bytes,
            "encryptedBytes": each.encrypted_bytes,
            "root": each.root,
            "name": each.name,
            "mime": each.mime,
        }
        for each in LINKED
    ]
    made = b64url_decode(browser("makeLink", transferId=TRANSFER, files=files, name=name)["json"])
    read = read_link_manifest(TRANSFER, made)
    assert read.files == LINKED
    if name is None:
        assert made == make_link_manifest(TRANSFER, LINKED)
    else:
        assert read.sender == LinkSender(name, meet(browser))


@pytest.mark.parametrize("name", [None, SENDER])
def test_a_link_of_python_reads_the_same_in_the_browser(
    name: str | None, python: Python, browser: Browser
) -> None:
    signer = None if name is None else python.device
    made = make_link_manifest(TRANSFER, LINKED, signer, name or "")
    read = browser("readLink", transferId=TRANSFER, json=made)
    assert read["names"] == [each.name for each in LINKED]
    assert read["from"] == (None if name is None else [name, b64url_encode(USER_A)])
    if name is not None:
        elsewhere = browser("readLink", transferId=b"\x56" * 16, json=made)
        assert elsewhere == {"error": "bad_signature"}
