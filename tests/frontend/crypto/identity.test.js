import assert from "node:assert/strict";
import { test } from "node:test";

import { LABEL } from "../../../frontend/js/crypto/constants.js";
import { generateSigningKeyPair } from "../../../frontend/js/crypto/curve.js";
import { parseLengthPrefixed, tuple } from "../../../frontend/js/crypto/encoding.js";
import {
  certifyDevice,
  exportAccountKey,
  generateAccountKey,
  generateDeviceKeys,
  importAccountKey,
  parseCertificateBody,
  verifyCertificate,
} from "../../../frontend/js/crypto/identity.js";
import { randomBytes, sha256 } from "../../../frontend/js/crypto/primitives.js";
import { concat, equal, u64, u8 } from "../../../frontend/js/lib/bytes.js";
import { flip, NOW_MS, refusalOf } from "./fixtures.js";

async function enrol() {
  const account = await generateAccountKey();
  const { signing, agreement } = await generateDeviceKeys();
  const device = {
    userId: randomBytes(16),
    deviceId: randomBytes(16),
    account,
    signing,
    agreementKey: agreement.publicKey,
    createdAtMs: NOW_MS,
  };
  return { account, signing, agreement, device, certificate: await certifyDevice(device) };
}

test("a certificate verifies to the device that was certified", async () => {
  const { account, signing, agreement, device, certificate } = await enrol();
  const verified = await verifyCertificate(certificate, account.publicKey);
  assert.ok(equal(verified.userId, device.userId));
  assert.ok(equal(verified.deviceId, device.deviceId));
  assert.ok(equal(verified.accountKey, account.publicKey));
  assert.ok(equal(verified.signingKey, signing.publicKey));
  assert.ok(equal(verified.agreementKey, agreement.publicKey));
  assert.ok(equal(verified.certHash, await sha256(certificate.body)));
  assert.equal(verified.createdAtMs, NOW_MS);
  assert.equal(verified.suites, 1);
});

test("device keys cannot leave the device, the account key only into its backup", async () => {
  const { account, signing, agreement } = await enrol();
  assert.equal(signing.privateKey.extractable, false);
  assert.equal(agreement.privateKey.extractable, false);
  assert.equal(account.privateKey.extractable, true);
  const restored = await importAccountKey(await exportAccountKey(account.privateKey));
  assert.equal(restored.privateKey.extractable, false);
  assert.ok(equal(restored.publicKey, account.publicKey));
});

test("a restored account key certifies devices as before", async () => {
  const { account, device } = await enrol();
  const restored = await importAccountKey(await exportAccountKey(account.privateKey));
  const certificate = await certifyDevice({ ...device, account: restored });
  await verifyCertificate(certificate, account.publicKey);
});

test("a backup with a foreign public half, cut off or empty gives no account key", async () => {
  const { account } = await enrol();
  const pkcs8 = await exportAccountKey(account.privateKey);
  const foreign = (await generateSigningKeyPair()).publicKey;
  const bad = [
    concat(pkcs8.slice(0, -65), foreign),
    pkcs8.slice(0, -1),
    concat(pkcs8, u8(0)),
    new Uint8Array(138),
    new Uint8Array(0),
  ];
  for (const bytes of bad) assert.equal(await refusalOf(() => importAccountKey(bytes)), "bad_key");
});

test("a certificate of another account is refused", async () => {
  const { certificate } = await enrol();
  const other = await generateAccountKey();
  const reason = await refusalOf(() => verifyCertificate(certificate, other.publicKey));
  assert.equal(reason, "bad_signature");
});

test("an account cannot claim a device that did not consent", async () => {
  const { device } = await enrol();
  const thief = await generateAccountKey();
  const stranger = await generateSigningKeyPair();
  // The thief certifies the victim's signing key, but can sign the possession with a key of its own only.
  const signing = { publicKey: device.signing.publicKey, privateKey: stranger.privateKey };
  const stolen = await certifyDevice({ ...device, account: thief, signing });
  assert.equal(await refusalOf(() => verifyCertificate(stolen, thief.publicKey)), "bad_signature");
});

test("row 19: every byte of a certificate and of its signatures matters", async () => {
  const { account, certificate } = await enrol();
  for (const part of ["body", "accountSignature", "possessionSignature"]) {
    for (let i = 0; i < certificate[part].length; i += 1) {
      const changed = { ...certificate, [part]: flip(certificate[part], i, i % 8) };
      const reason = await refusalOf(() => verifyCertificate(changed, account.publicKey));
      assert.notEqual(reason, "accepted", `${part} ${i}`);
    }
  }
});

test("row 2: exchanging user and device id in a certificate breaks both signatures", async () => {
  const { account, certificate } = await enrol();
  const [label, user, device, ...rest] = parseLengthPrefixed(certificate.body);
  assert.equal(new TextDecoder().decode(label), LABEL.deviceCertificate);
  const body = tuple(LABEL.deviceCertificate, device, user, ...rest);
  const reason = await refusalOf(() =>
    verifyCertificate({ ...certificate, body }, account.publicKey),
  );
  assert.equal(reason, "bad_signature");
});

test("a certificate with a field too many, too few or of a wrong length is malformed", () => {
  const fields = [
    randomBytes(16),
    randomBytes(16),
    randomBytes(65),
    randomBytes(65),
    u64(NOW_MS),
    u8(1),
  ];
  const certificate = (...changed) => tuple(LABEL.deviceCertificate, ...changed);
  parseCertificateBody(certificate(...fields));
  const bad = [
    certificate(...fields, u8(0)),
    certificate(...fields.slice(0, 5)),
    ...fields.map((_, i) => certificate(...replaced(fields, i))),
    tuple(LABEL.deviceList, ...fields),
    certificate(...fields).slice(0, -1),
    new Uint8Array(0),
  ];
  for (const body of bad) assert.throws(() => parseCertificateBody(body), { code: "malformed" });
});

function replaced(fields, index) {
  return fields.map((field, i) => (i === index ? randomBytes(3) : field));
}

test("a certificate that names an agreement key off the curve is refused", async () => {
  const { account, device } = await enrol();
  const agreementKey = flip(device.agreementKey, 64);
  const certificate = await certifyDevice({ ...device, agreementKey });
  assert.equal(await refusalOf(() => verifyCertificate(certificate, account.publicKey)), "bad_key");
});
