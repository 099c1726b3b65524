/**
 * Argon2id behind a message port: the other end is `workers/argon2.js`.
 *
 *     → { id, password, salt, mKib, t, p }      password and salt are transferred, not copied
 *     ← { id, key } | { id, error }             key: 32 bytes
 *
 * It is a worker because it blocks for half a second, and a worker of its own because WebAssembly needs
 * a looser policy than the page has, and because ending it is the one way to free the memory it used.
 */

import { AppError } from "../lib/errors.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Argon2id } from "./types.js" */

/**
 * @typedef {object} Port what of a Worker is needed here
 * @property {(message: unknown, transfer: Transferable[]) => void} postMessage
 * @property {(type: "message" | "error" | "messageerror", listener: (event: any) => void) => void} addEventListener
 *   any: the three types have different events
 */

/**
 * @typedef {object} Pending
 * @property {(key: Bytes) => void} resolve
 * @property {(error: AppError) => void} reject
 */

/**
 * Throws (the returned function): AppError("kdf_failed") when the worker cannot compute, as without
 * WebAssembly (Lockdown Mode) or memory.
 * @param {Port} port
 * @returns {Argon2id}
 */
export function createArgon2id(port) {
  /** @type {Map<number, Pending>} */
  const pending = new Map();
  let lastId = 0;
  port.addEventListener("message", ({ data }) => {
    const call = pending.get(data.id);
    pending.delete(data.id);
    if (data.key === undefined) call?.reject(new AppError("kdf_failed", String(data.error)));
    else call?.resolve(data.key);
  });
  const failAll = () => {
    for (const call of pending.values()) call.reject(new AppError("kdf_failed", "worker"));
    pending.clear();
  };
  port.addEventListener("error", failAll);
  port.addEventListener("messageerror", failAll);
  return ({ password, salt, ...params }) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      pending.set(lastId, { resolve, reject });
      const transfer = [password.buffer, salt.buffer];
      port.postMessage({ id: lastId, password, salt, ...params }, transfer);
    });
}
