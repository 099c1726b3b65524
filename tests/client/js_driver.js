/**
 * The browser's SEAL1 under Node, driven by a Python test: one JSON request a line on stdin, one
 * answer a line on stdout. Bytes are base64url; keys and states stay here. The argument is the time.
 */
import { createInterface } from "node:readline";

import * as backup from "../../frontend/js/crypto/backup.js";
import { dumpCapsule, parseCapsule } from "../../frontend/js/crypto/capsule.js";
import {
  followDeviceLists,
  issueDeviceList,
  verifyDeviceList,
} from "../../frontend/js/crypto/device-list.js";
import { decryptFile, encryptFile } from "../../frontend/js/crypto/cobblestone.js";
import {
  fileContext,
  signManifest,
  verifyManifest,
} from "../../frontend/js/crypto/file-manifest.js";
import { padFile, sealedSize, unpadFile } from "../../frontend/js/crypto/file-padding.js";
import { fileRoot, PartHasher } from "../../frontend/js/crypto/file-root.js";
import * as identity from "../../frontend/js/crypto/identity.js";
import { makeLinkManifest, readLinkManifest } from "../../frontend/js/crypto/link-manifest.js";
import { dumpKdfParams, passwordSalt, splitMasterKey } from "../../frontend/js/crypto/password.js";
import { openPayload, sealPayload } from "../../frontend/js/crypto/payload.js";
import {
  makeOneTimePreKeys,
  makeSignedPreKey,
  verifyBundle,
} from "../../frontend/js/crypto/prekeys.js";
import * as ratchet from "../../frontend/js/crypto/ratchet.js";
import {
  dumpRecoveryCode,
  parseRecoveryCode,
  recoveryKey,
} from "../../frontend/js/crypto/recovery-code.js";
import { directRoomId } from "../../frontend/js/crypto/rooms.js";
import { safetyNumber } from "../../frontend/js/crypto/safety-number.js";
import { openSealed, readSealed, sealFile } from "../../frontend/js/crypto/sealed-file.js";
import { readHead } from "../../frontend/js/crypto/sealed-file-head.js";
import { openForDevice } from "../../frontend/js/crypto/sealed-file-keys.js";
import { initiateAgreement, respondAgreement } from "../../frontend/js/crypto/x3dh.js";
import { concat, fromBase64url, fromUtf8, toBase64url, utf8 } from "../../frontend/js/lib/bytes.js";
import { collect, inPieces } from "../frontend/crypto/file-fixtures.js";

const NOW_MS = Number(process.argv[2]);
const { account, device } = await makeDevice(NOW_MS);
/** @type {any} */
let peer = null;
/** @type {any} */
let session = null;

/** @type {Record<string, (request: any) => Promise<object>>} */
const COMMANDS = {
  async records() {
    return {
      aik: text(account.publicKey),
      certificate: dumpCertificate(device.certificate),
      lists: device.lists.map(({ body, signature }) => ({
        body: text(body),
        signature: text(signature),
      })),
      spk: dumpPreKey(device.signedPreKey),
      opk: dumpPreKey(device.oneTimePreKey),
    };
  },

  async meet({ aik, user, certificate, lists }) {
    const accountKey = bytes(aik);
    const verified = [];
    for (const { body, signature } of lists) {
      const signed = { body: bytes(body), signature: bytes(signature) };
      verified.push(await verifyDeviceList(signed, bytes(user), accountKey));
    }
    const list = followDeviceLists(null, verified);
    peer = await identity.verifyCertificate(readCertificate(certificate), accountKey);
    return { version: list.version, listHash: text(list.hash), certHash: text(peer.certHash) };
  },

  async begin({ spk, opk }) {
    const bundle = { signedPreKey: readPreKey(spk), oneTimePreKey: opk && readPreKey(opk) };
    await verifyBundle(peer, bundle, NOW_MS);
    const agreement = await initiateAgreement({
      own: device.public,
      ownAgreementPrivateKey: device.agreement.privateKey,
      peer,
      ...bundle,
    });
    session = await ratchet.initiateRatchet(agreement, bundle.signedPreKey.publicKey);
    const { suite, ephemeralKey, signedPreKeyId, oneTimePreKeyId, certHash } = agreement.pre;
    return {
      sid: text(agreement.sessionId),
      pre: {
        suite,
        ek: text(ephemeralKey),
        signedPreKeyId,
        oneTimePreKeyId,
        certHash: text(certHash),
      },
    };
  },

  async answer({ pre }) {
    const agreement = await respondAgreement({
      own: device.public,
      ownAgreementPrivateKey: device.agreement.privateKey,
      peer,
      pre: { ...pre, ephemeralKey: bytes(pre.ek), certHash: bytes(pre.certHash) },
      signedPreKey: device.signedPreKey,
      oneTimePreKey: pre.oneTimePreKeyId === null ? null : device.oneTimePreKey,
    });
    session = ratchet.respondRatchet(agreement, device.signedPreKey);
    return { sid: text(agreement.sessionId) };
  },

  async encrypt({ plaintext }) {
    const { state, header, ciphertext } = await ratchet.ratchetEncrypt(session, bytes(plaintext));
    session = state;
    return { header: text(header), ciphertext: text(ciphertext) };
  },

  async decrypt({ header, ciphertext }) {
    const opened = await ratchet.ratchetDecrypt(session, bytes(header), bytes(ciphertext), NOW_MS);
    session = opened.state;
    return { plaintext: text(opened.plaintext) };
  },

  async seal({ context, content, sentAtMs }) {
    const sealed = await sealPayload(readContext(context), content);
    const { contentKey, payloadHash } = sealed;
    const msgId = bytes(context.msgId);
    const capsule = dumpCapsule({ kind: "message", contentKey, payloadHash, msgId, sentAtMs });
    return {
      payload: text(sealed.payload),
      commitment: text(sealed.commitment),
      capsule: text(capsule),
    };
  },

  async open({ context, capsule, payload, commitment }) {
    const opened = await openPayload(
      readContext(context),
      parseCapsule(bytes(capsule)),
      bytes(payload),
      bytes(commitment),
    );
    return { json: fromUtf8(opened.json), frankingKey: text(opened.frankingKey) };
  },

  async directRoom({ one, other, nonce }) {
    return { room: text(await directRoomId(bytes(one), bytes(other), bytes(nonce))) };
  },

  async safetyNumber({ one, other }) {
    const groups = await safetyNumber(readAccount(one), readAccount(other));
    return { number: groups.join(" ") };
  },

  async makeBackup({ user, code, wrappingKey, params, json }) {
    const made = backup.makeBackupKey();
    const userId = bytes(user);
    const codeKey = await recoveryKey(userId, await parseRecoveryCode(code));
    return {
      id: text(made.brkId),
      key: text(made.brk),
      passwordWrap: text(
        await backup.wrapBackupKey(
          made,
          userId,
          { method: "password", params },
          bytes(wrappingKey),
        ),
      ),
      recoveryWrap: text(await backup.wrapBackupKey(made, userId, { method: "recovery" }, codeKey)),
      identity: text(await backup.sealIdentity(made, userId, utf8(json))),
    };
  },

  async openBackup({
    user,
    id,
    passwordWrap,
    recoveryWrap,
    identity: sealed,
    wrappingKey,
    params,
    secret,
  }) {
    const userId = bytes(user);
    const code = await dumpRecoveryCode(bytes(secret));
    const codeKey = await recoveryKey(userId, bytes(secret));
    const byPassword = { method: "password", params };
    const opened = [
      await backup.unwrapBackupKey(
        bytes(passwordWrap),
        bytes(id),
        userId,
        byPassword,
        bytes(wrappingKey),
      ),
      await backup.unwrapBackupKey(
        bytes(recoveryWrap),
        bytes(id),
        userId,
        { method: "recovery" },
        codeKey,
      ),
    ];
    const json = await backup.openIdentity(opened[0], userId, bytes(sealed));
    return { keys: opened.map(({ brk }) => text(brk)), json: fromUtf8(json), code };
  },

  async password({ email, salt, masterKey, params }) {
    const keys = await splitMasterKey(bytes(masterKey));
    return {
      salt: text(await passwordSalt(email, bytes(salt))),
      params: text(dumpKdfParams(params)),
      authKey: text(keys.authKey),
      wrappingKey: text(keys.wrappingKey),
    };
  },

  async sendFile({ context, content, name, mime, fileId, fileKey }) {
    const plaintext = bytes(content);
    const padded = padFile(inPieces(plaintext), plaintext.length);
    const id = bytes(fileId);
    const blob = await collect(encryptFile(bytes(fileKey), fileContext(id), padded));
    const manifest = {
      fileId: id,
      fileKey: bytes(fileKey),
      sizeBytes: plaintext.length,
      encryptedBytes: sealedSize(plaintext.length),
      root: await rootOf(id, blob),
      name,
      mime,
    };
    const place = readContext(context);
    const record = await signManifest(manifest, place, device.signing.privateKey);
    return { record, blob: text(blob) };
  },

  async receiveFile({ context, record, blob }) {
    const manifest = await verifyManifest(record, readContext(context), peer.signingKey);
    const { fileId, fileKey, sizeBytes } = manifest;
    const pieces = decryptFile(fileKey, fileContext(fileId), inPieces(bytes(blob), 10_000));
    const content = await collect(unpadFile(pieces, sizeBytes));
    return { content: text(content), root: text(await rootOf(fileId, bytes(blob))) };
  },

  async sealFile({ content, name, mime }) {
    const plaintext = bytes(content);
    const pieces = inPieces(plaintext, 10_000);
    const file = { name, mime, sizeBytes: plaintext.length, pieces, sealedAtMs: NOW_MS };
    /** @type {Uint8Array[]} */
    const body = [];
    const sender = {
      accountKey: account.publicKey,
      certificate: device.certificate,
      signingKey: device.signing.privateKey,
    };
    const head = await sealFile(
      file,
      { kind: "people", recipients: [peer], sender },
      async (piece) => {
        body.push(piece.slice());
      },
    );
    return { file: text(concat(head, ...body)) };
  },

  async openFile({ file }) {
    const sealed = bytes(file);
    const head = await readHead(async (at, length) => sealed.slice(at, at + length));
    const own = device.agreement.privateKey;
    const key = await openForDevice(/** @type {any} */ (head.header), device.public, own);
    const opened = await openSealed(head, key, sealed.length);
    const content = await collect(
      readSealed(opened, inPieces(sealed.slice(head.sizeBytes), 9_999)),
    );
    const { name, mime, sealedAtMs } = opened.manifest;
    const sender = text(/** @type {any} */ (opened.sender).userId);
    return { content: text(content), name, mime, sealedAtMs, sender };
  },

  async makeLink({ transferId, files, name }) {
    const signer = name && {
      name,
      accountKey: account.publicKey,
      certificate: device.certificate,
      signingKey: device.signing.privateKey,
    };
    const entries = files.map(
      /** @param {any} each */ (each) => ({
        fileId: bytes(each.fileId),
        fileKey: bytes(each.fileKey),
        sizeBytes: each.sizeBytes,
        encryptedBytes: each.encryptedBytes,
        root: bytes(each.root),
        name: each.name,
        mime: each.mime,
      }),
    );
    const id = bytes(transferId);
    return { json: text(await makeLinkManifest({ transferId: id, files: entries, signer })) };
  },

  async readLink({ transferId, json }) {
    const { files, from } = await readLinkManifest(bytes(json), bytes(transferId));
    return { names: files.map(({ name }) => name), from: from && [from.name, text(from.userId)] };
  },

  async importAccount({ pkcs8 }) {
    return { aik: text((await identity.importAccountKey(bytes(pkcs8))).publicKey) };
  },

  async exportAccount() {
    return { pkcs8: text(await identity.exportAccountKey(account.privateKey)) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...request } = JSON.parse(line);
  const answer = await /** @type {any} */ (COMMANDS[command])(request).catch(
    (/** @type {any} */ error) => ({ error: error.reason ?? error.code ?? String(error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/**
 * @param {any} fileId
 * @param {any} blob
 */
async function rootOf(fileId, blob) {
  const hasher = new PartHasher();
  await hasher.update(blob);
  return fileRoot(fileId, await hasher.finish());
}

/** @param {number} createdAtMs */
async function makeDevice(createdAtMs) {
  const account = await identity.generateAccountKey();
  const { signing, agreement } = await identity.generateDeviceKeys();
  const userId = new Uint8Array(16).fill(0xbb);
  const deviceId = new Uint8Array(16).fill(0xb1);
  const certificate = await identity.certifyDevice({
    userId,
    deviceId,
    account,
    signing,
    agreementKey: agreement.publicKey,
    createdAtMs,
  });
  const verified = await identity.verifyCertificate(certificate, account.publicKey);
  const entry = /** @type {const} */ ({
    deviceId,
    certHash: verified.certHash,
    status: "active",
    sinceMs: createdAtMs,
  });
  const change = { userId, previous: null, entries: [entry], issuedAtMs: createdAtMs };
  const first = await issueDeviceList(change, account.privateKey);
  const removed = { ...entry, deviceId: new Uint8Array(16).fill(0xb2), status: "revoked" };
  const second = await issueDeviceList(
    { ...change, previous: first.list, entries: [entry, /** @type {any} */ (removed)] },
    account.privateKey,
  );
  const owner = { userId, deviceId, signingPrivateKey: signing.privateKey };
  const signedPreKey = await makeSignedPreKey(owner, 7, createdAtMs);
  const [oneTimePreKey] = await makeOneTimePreKeys(owner, 9, 1);
  const device = {
    public: verified,
    certificate,
    lists: [first, second],
    signing,
    agreement,
    signedPreKey,
    oneTimePreKey: /** @type {any} */ (oneTimePreKey),
  };
  return { account, device };
}

/** @param {any} context */
function readContext({ roomId, epoch, rosterHash, msgId, senderUser, senderDevice }) {
  return {
    roomId: bytes(roomId),
    epoch,
    rosterHash: bytes(rosterHash),
    msgId: bytes(msgId),
    senderUser: bytes(senderUser),
    senderDevice: bytes(senderDevice),
  };
}

/** @param {{ user: string, aik: string }} account */
function readAccount({ user, aik }) {
  return { userId: bytes(user), accountKey: bytes(aik) };
}

/** @param {any} certificate */
function dumpCertificate({ body, accountSignature, possessionSignature }) {
  return { body: text(body), sigA: text(accountSignature), sigP: text(possessionSignature) };
}

/** @param {any} certificate */
function readCertificate({ body, sigA, sigP }) {
  return {
    body: bytes(body),
    accountSignature: bytes(sigA),
    possessionSignature: bytes(sigP),
  };
}

/** @param {any} preKey */
function dumpPreKey({ id, publicKey, createdAtMs, expiresAtMs, signature }) {
  return { id, pub: text(publicKey), createdAtMs, expiresAtMs, signature: text(signature) };
}

/** @param {any} preKey */
function readPreKey({ id, pub, createdAtMs, expiresAtMs, signature }) {
  return { id, publicKey: bytes(pub), createdAtMs, expiresAtMs, signature: bytes(signature) };
}

/** @param {Uint8Array<ArrayBuffer>} value */
function text(value) {
  return toBase64url(value);
}

/**
 * @param {string} value
 * @returns {any} the brands of key roles are the business of the browser's own code
 */
function bytes(value) {
  return fromBase64url(value);
}
