/** What tests of transfers begin with. */

import { createHash } from "node:crypto";

import { FakeServer } from "./fake-server.js";
import { couple, until } from "./people.js";

export const PART_BYTES = 4 * 1024 * 1024;
export const DAY_MS = 86_400_000;

const open = [];

/** Close whatever a test has opened. */
export function closeAll() {
  for (const device of open.splice(0)) device.close();
}

/** Close a browser when the test ends. */
export function closing(device) {
  open.push(device);
  return device;
}

export async function pair() {
  const server = new FakeServer();
  const { alice, bob, room } = await couple(server);
  open.push(alice.device, bob.device);
  return { server, alice, bob, room };
}

/** Content that no compression or shift leaves as it was. */
export function bytesOf(length) {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
export const SMALL = bytesOf(3_000);
export const LARGE = bytesOf(2 * PART_BYTES + 1_234);

export const fileOf = (bytes, name = "Báo cáo.pdf", type = "application/pdf") =>
  new File([bytes], name, { type });
/** Megabytes are compared by their hash: how two of them differ would fill the memory and say nothing. */
export const digestOf = (bytes) => createHash("sha256").update(bytes).digest("base64url");
export const contentOf = async (file) => digestOf(new Uint8Array(await file.arrayBuffer()));

const PLAIN = { livesMs: 7 * DAY_MS, maxDownloads: null, passphrase: null, signed: true };
export const formOf = (to, files, more = {}) => ({ files, to, ...PLAIN, ...more });
export const send = async (person, to, files, more) =>
  (await person.device.call("sendTransfer", formOf(to, files, more))).id;
export const sendTo = (person, other, files, more) =>
  send(person, { kind: "person", user: other.id }, files, more);

export const sentOf = ({ device }, id) => device.slices.transfers?.sent.find((t) => t.id === id);
export const receivedOf = ({ device }, id) =>
  device.slices.transfers?.received.find((t) => t.id === id);

/** Wait until one's own transfer is in a state. */
export const becomes = (person, id, state) =>
  until(state, () => (sentOf(person, id)?.state === state ? sentOf(person, id) : null));

/** Wait until a transfer has come, and its heads were judged. */
export const arrives = (person, id) =>
  until("arrived", () => {
    const found = receivedOf(person, id);
    return found !== undefined && (found.origin ?? found.refusal) !== null ? found : null;
  });

/** A transfer that has been sent, and has come. */
export async function sent(person, other, files, more) {
  const id = await sendTo(person, other, files, more);
  await becomes(person, id, "open");
  await arrives(other, id);
  return id;
}

export const fetchFile = async ({ device }, id, index = 0) =>
  (await device.call("fetchTransfer", { id, index })).file;
export const itemOf = (person, id, index = 0) => receivedOf(person, id)?.files[index];

/** Let the calls that match fail with a refusal until the function that is returned is called. */
export function refusing(server, isRefused, refusal = [503, "unavailable"]) {
  server.refuse = (method, path) => (isRefused(method, path) ? refusal : null);
  return () => {
    server.refuse = () => null;
  };
}
