/** The real Argon2 worker script on this thread, joined to our port by a MessageChannel. */

import { createArgon2id } from "../../../frontend/js/crypto/argon2.js";

/** @returns {Promise<{ argon2id: Function, close: () => void }>} close: else node waits for the channel */
export async function openArgon2id() {
  const { port1: page, port2: worker } = new MessageChannel();
  // What a worker's global scope has and node's does not.
  globalThis.addEventListener = (type, listener) => {
    worker.on(type, (data) => listener({ data }));
  };
  globalThis.postMessage = (message, options) => worker.postMessage(message, options?.transfer);
  await import("../../../frontend/js/workers/argon2.js");
  const port = {
    postMessage: (message, transfer) => page.postMessage(message, transfer),
    addEventListener: (type, listener) => {
      page.on(type, (data) => listener({ data }));
    },
  };
  return { argon2id: createArgon2id(port), close: () => page.close() };
}
