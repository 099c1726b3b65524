/**
 * Points that are no public keys, through our own import: browsers accept some of them, we must not.
 * Runs in node and in a page.
 */

import { concat, fromHex } from "../../../frontend/js/lib/bytes.js";
import {
  agree,
  generateAgreementKeyPair,
  importAgreementKey,
  importVerifyingKey,
} from "../../../frontend/js/crypto/curve.js";
import { flip } from "./fixtures.js";

const FIELD_PRIME = fromHex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");

/** @returns {Promise<{ name: string, refusedBy: string[] }[]>} which of our three doors refused each */
export async function offerBadPoints() {
  const pair = await generateAgreementKeyPair();
  const doors = {
    agree: (point) => agree(pair.privateKey, point),
    importAgreementKey,
    importVerifyingKey,
  };
  const offers = Object.entries(badPoints(pair.publicKey)).map(async ([name, point]) => {
    const refusedBy = [];
    for (const [door, enter] of Object.entries(doors)) {
      const code = await enter(point).then(
        () => "accepted",
        (error) => error.code,
      );
      if (code === "bad_key") refusedBy.push(door);
    }
    return { name, refusedBy };
  });
  return Promise.all(offers);
}

/** @param {Uint8Array} good an uncompressed point */
function badPoints(good) {
  const x = good.subarray(1, 33);
  const y = good.subarray(33);
  const zero = new Uint8Array(32);
  const prefix = (byte) => Uint8Array.of(byte);
  const parity = y.at(-1) & 1;
  return {
    empty: new Uint8Array(0),
    infinity: prefix(0),
    "infinity, padded": new Uint8Array(65),
    compressed: concat(prefix(2 | parity), x),
    "compressed, padded to 65 bytes": concat(prefix(2 | parity), x, zero),
    hybrid: concat(prefix(6 | parity), x, y),
    "without its prefix": concat(x, y),
    "one byte short": good.subarray(0, 64),
    "one byte long": concat(good, prefix(0)),
    "y off by one bit": flip(good, 64),
    "x off by one bit": flip(good, 32),
    "x and y exchanged": concat(prefix(4), y, x),
    origin: concat(prefix(4), zero, zero),
    "x equal to the field prime": concat(prefix(4), FIELD_PRIME, y),
    "y equal to the field prime": concat(prefix(4), x, FIELD_PRIME),
    "both beyond the field": concat(prefix(4), new Uint8Array(64).fill(0xff)),
    "of P-384": concat(prefix(4), new Uint8Array(96).fill(1)),
  };
}
