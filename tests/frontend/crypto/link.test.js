import assert from "node:assert/strict";
import { after, test } from "node:test";

import {
  deriveLinkKeys,
  dumpFragment,
  makeLinkSecret,
  openLinkManifest,
  parseFragment,
  protectSecret,
  sealLinkManifest,
} from "../../../frontend/js/crypto/link.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { utf8 } from "../../../frontend/js/lib/bytes.js";
import { openArgon2id } from "./argon2-in-process.js";
import { flip, refusalOf } from "./fixtures.js";

const { argon2id, close } = await openArgon2id();
after(close);
const JSON_BYTES = utf8('{"files":[]}');

test("the fragment brings the secret, and nothing else is taken for one", async () => {
  const secret = makeLinkSecret();
  assert.deepEqual(parseFragment(dumpFragment(secret)), secret);
  const refusals = {
    "": "malformed",
    1: "malformed",
    "1.AAAA": "malformed",
    [`${dumpFragment(secret)}.x`]: "malformed",
    [dumpFragment(secret).replace("1.", "2.")]: "unsupported",
  };
  for (const [fragment, refusal] of Object.entries(refusals)) {
    assert.equal(await refusalOf(() => parseFragment(fragment)), refusal, fragment);
  }
});

test("a manifest opens for its secret and transfer, and every byte of it matters", async () => {
  const [secret, transferId] = [makeLinkSecret(), randomBytes(16)];
  const { manifestKey, auth } = await deriveLinkKeys(secret);
  assert.notDeepEqual(manifestKey, auth);
  const sealed = await sealLinkManifest(manifestKey, transferId, JSON_BYTES);
  assert.deepEqual(await openLinkManifest(manifestKey, transferId, sealed), JSON_BYTES);
  const other = await deriveLinkKeys(makeLinkSecret());
  const attempts = [
    [other.manifestKey, transferId, sealed],
    [manifestKey, flip(transferId, 0), sealed],
    ...Array.from(sealed, (_, i) => [manifestKey, transferId, flip(sealed, i, i % 8)]),
  ];
  for (const attempt of attempts) {
    assert.equal(await refusalOf(() => openLinkManifest(...attempt)), "auth-failed");
  }
});

test("a passphrase makes other keys, for this transfer only", async () => {
  const [secret, transferId] = [makeLinkSecret(), randomBytes(16)];
  const protect = (passphrase, transfer = transferId) =>
    protectSecret(secret, passphrase, transfer, argon2id);
  const first = await protect("mật khẩu".normalize("NFD"));
  assert.deepEqual(await protect("mật khẩu".normalize("NFC")), first);
  assert.notDeepEqual(await protect("mat khau"), first);
  assert.notDeepEqual(await protect("mật khẩu", randomBytes(16)), first);
  assert.notDeepEqual(first, secret);
});
