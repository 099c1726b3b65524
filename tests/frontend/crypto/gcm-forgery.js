/**
 * GHASH by hand, to make what an insider who knows the keys can make: AES-GCM ciphertexts whose tag is
 * right although they were never sealed. GCM does not commit to its key or to its plaintext; the tests
 * that use this show that our payloads do.
 *
 * One message has blocks X1 … Xn (associated data, ciphertext, lengths) and
 * tag = GHASH_H(X) xor AES(J0), GHASH_H(X) = X1·H^n xor … xor Xn·H.
 */

const { subtle } = globalThis.crypto;
const BLOCK_BYTES = 16;
const REDUCTION = 0xe1n << 120n;

/** AES-256 of one block: the first block of CBC with a zero IV. */
async function encryptBlock(key, block) {
  const cbc = await subtle.importKey("raw", key, "AES-CBC", false, ["encrypt"]);
  const algorithm = { name: "AES-CBC", iv: new Uint8Array(BLOCK_BYTES) };
  return new Uint8Array(await subtle.encrypt(algorithm, cbc, block)).slice(0, BLOCK_BYTES);
}

function toInteger(bytes) {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function toBlock(value) {
  return Uint8Array.from({ length: BLOCK_BYTES }, (_, i) =>
    Number((value >> BigInt(120 - 8 * i)) & 255n),
  );
}

/** Product in GF(2^128), bits in GCM's order. */
function multiply(x, y) {
  let product = 0n;
  let shifted = y;
  for (let i = 127n; i >= 0n; i -= 1n) {
    if ((x >> i) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ REDUCTION : shifted >> 1n;
  }
  return product;
}

function power(base, exponent) {
  let result = 1n << 127n; // the one of this field
  for (let i = 0n; i < exponent; i += 1n) result = multiply(result, base);
  return result;
}

/** x^(2^128 - 2) = 1/x. */
function invert(x) {
  let result = 1n << 127n;
  let square = x;
  for (let i = 1; i < 128; i += 1) {
    square = multiply(square, square);
    result = multiply(result, square);
  }
  return result;
}

function blocksOf(bytes) {
  const blocks = [];
  for (let i = 0; i < bytes.length; i += BLOCK_BYTES) {
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(bytes.subarray(i, i + BLOCK_BYTES));
    blocks.push(toInteger(block));
  }
  return blocks;
}

function allBlocks(additionalData, ciphertext) {
  const lengths = (BigInt(additionalData.length * 8) << 64n) | BigInt(ciphertext.length * 8);
  return [...blocksOf(additionalData), ...blocksOf(ciphertext), lengths];
}

function ghash(h, blocks) {
  return blocks.reduce((sum, block) => multiply(sum ^ block, h), 0n);
}

async function keyMaterial(key, iv) {
  const counter = new Uint8Array(BLOCK_BYTES);
  counter.set(iv);
  counter[15] = 1;
  const h = toInteger(await encryptBlock(key, new Uint8Array(BLOCK_BYTES)));
  return { h, mask: toInteger(await encryptBlock(key, counter)) };
}

function setBlock(ciphertext, index, value) {
  const changed = ciphertext.slice();
  changed.set(toBlock(value), index * BLOCK_BYTES);
  return changed;
}

/**
 * Another ciphertext of the same length with the same tag, for one key.
 * @param {Uint8Array} key 32 bytes
 * @param {Uint8Array} iv 12 bytes
 * @param {Uint8Array} ciphertext without tag, at least two whole blocks
 */
export async function sameTag(key, iv, ciphertext) {
  const { h } = await keyMaterial(key, iv);
  // Adding d to block 1 and d·H to block 2 cancels out: d·H^(n+1) = (d·H)·H^n.
  const blocks = blocksOf(ciphertext);
  const difference = 1n;
  const changed = setBlock(ciphertext, 0, blocks[0] ^ difference);
  return setBlock(changed, 1, blocks[1] ^ multiply(difference, h));
}

/**
 * Change one block so that the tag is right under two keys at once.
 * @param {Uint8Array[]} keys two keys of 32 bytes
 * @param {Uint8Array} iv 12 bytes
 * @param {Uint8Array} additionalData
 * @param {Uint8Array} ciphertext without tag
 * @param {number} free index of the block that is given up for it
 * @returns {Promise<{ ciphertext: Uint8Array, tag: Uint8Array }>}
 */
export async function openUnderTwoKeys(keys, iv, additionalData, ciphertext, free) {
  const [one, two] = await Promise.all(keys.map((key) => keyMaterial(key, iv)));
  const cleared = setBlock(ciphertext, free, 0n);
  const blocks = allBlocks(additionalData, cleared);
  const place = BigInt(blocks.length - blocksOf(additionalData).length - free);
  const difference = ghash(one.h, blocks) ^ one.mask ^ ghash(two.h, blocks) ^ two.mask;
  const factor = power(one.h, place) ^ power(two.h, place);
  const forged = setBlock(cleared, free, multiply(difference, invert(factor)));
  const tag = toBlock(ghash(one.h, allBlocks(additionalData, forged)) ^ one.mask);
  return { ciphertext: forged, tag };
}
