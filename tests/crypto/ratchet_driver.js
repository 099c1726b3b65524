/**
 * One device of ours, driven over stdin and stdout: one JSON object a line, answered by one line.
 *
 *     {op: "initiate", peer, spk, opk}     → {identity, pre}    start a session with the peer's prekeys
 *     {op: "publish", withOpk}             → {identity, spk, opk}
 *     {op: "respond", peer, pre}           → {}                 answer a session with what was published
 *     {op: "encrypt", plaintext}           → {header, ciphertext}
 *     {op: "decrypt", header, ciphertext}  → {plaintext} | {refused: reason}
 *     {op: "reload"}                       → {}                 write the state out and read it back
 *
 * Bytes are hex. A refused message must leave the state as it was: that is checked here, on each one.
 */

import { createInterface } from "node:readline";

import { generateAgreementKeyPair } from "../../frontend/js/crypto/curve.js";
import { dumpRatchet, parseRatchet } from "../../frontend/js/crypto/ratchet-store.js";
import {
  initiateRatchet,
  ratchetDecrypt,
  ratchetEncrypt,
  respondRatchet,
} from "../../frontend/js/crypto/ratchet.js";
import { initiateAgreement, respondAgreement } from "../../frontend/js/crypto/x3dh.js";
import { equal, fromHex, toHex } from "../../frontend/js/lib/bytes.js";
import { DecryptError } from "../../frontend/js/lib/errors.js";
import { makeDevice } from "../frontend/crypto/fixtures.js";

const NOW_MS = 1_790_000_000_000;
const { identity, agreement } = await makeDevice();
const ownAgreementPrivateKey = agreement.privateKey;
const own = identity;
let published = null;
let state = null;

const operations = {
  async initiate({ peer, spk, opk }) {
    const initiated = await initiateAgreement({
      own,
      ownAgreementPrivateKey,
      peer: mapBytes(peer, fromHex),
      signedPreKey: readPreKey(spk),
      oneTimePreKey: opk === null ? null : readPreKey(opk),
    });
    state = await initiateRatchet(initiated, fromHex(spk.publicKey));
    return { identity: mapBytes(identity, toHex), pre: mapBytes(initiated.pre, toHex) };
  },

  async publish({ withOpk }) {
    const makePreKey = async (id) => ({ id, ...(await generateAgreementKeyPair()) });
    published = { spk: await makePreKey(7), opk: withOpk ? await makePreKey(9) : null };
    const show = (key) => key && { id: key.id, publicKey: toHex(key.publicKey) };
    return {
      identity: mapBytes(identity, toHex),
      spk: show(published.spk),
      opk: show(published.opk),
    };
  },

  async respond({ peer, pre }) {
    const responded = await respondAgreement({
      own,
      ownAgreementPrivateKey,
      peer: mapBytes(peer, fromHex),
      pre: mapBytes(pre, fromHex),
      signedPreKey: published.spk,
      oneTimePreKey: published.opk,
    });
    state = respondRatchet(responded, published.spk);
    return {};
  },

  async encrypt({ plaintext }) {
    const sent = await ratchetEncrypt(state, fromHex(plaintext));
    state = sent.state;
    return { header: toHex(sent.header), ciphertext: toHex(sent.ciphertext) };
  },

  async decrypt({ header, ciphertext }) {
    const { blob: before } = dumpRatchet(state);
    try {
      const opened = await ratchetDecrypt(state, fromHex(header), fromHex(ciphertext), NOW_MS);
      state = opened.state;
      return { plaintext: toHex(opened.plaintext) };
    } catch (error) {
      if (!(error instanceof DecryptError)) throw error;
      if (!equal(before, dumpRatchet(state).blob))
        throw new Error("state changed", { cause: error });
      return { refused: error.reason };
    }
  },

  async reload() {
    state = parseRatchet(dumpRatchet(state));
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...input } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await operations[op](input))}\n`);
}

function readPreKey({ id, publicKey }) {
  return { id, publicKey: fromHex(publicKey) };
}

/** Apply a conversion to every field that holds bytes or hex; numbers and null stay. */
function mapBytes(fields, convert) {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "number" || value === null ? value : convert(value),
    ]),
  );
}
