/**
 * Worker: Argon2id by WebAssembly, 32 bytes at a time. Messages: see `crypto/argon2.js`.
 *
 * Inputs are overwritten after use. What WebAssembly held cannot be, so whoever started this worker
 * terminates it when the log-in is done.
 */

import "../../vendor/hash-wasm-argon2-4.13.0.js";

const KEY_BYTES = 32;

globalThis.addEventListener("message", async ({ data }) => {
  const { id, password, salt, mKib, t, p } = data;
  try {
    const key = await globalThis.hashwasm.argon2id({
      password,
      salt,
      memorySize: mKib,
      iterations: t,
      parallelism: p,
      hashLength: KEY_BYTES,
      outputType: "binary",
    });
    globalThis.postMessage({ id, key }, { transfer: [key.buffer] });
  } catch (error) {
    globalThis.postMessage({ id, error: error instanceof Error ? error.name : "unknown" });
  } finally {
    password.fill(0);
    salt.fill(0);
  }
});
