import assert from "node:assert/strict";
import { test } from "node:test";

import { setLanguage } from "../../../frontend/js/ui/i18n.js";
import { recipientWords, sentWords } from "../../../frontend/js/views/sent-words.js";

test("whoever accepted a transfer to an address is shown behind it, not in its place", () => {
  setLanguage("en", { "transfers.accepted_by": "{email} ({name})" });
  const to = { kind: "address", email: "dan@example.org" };
  assert.equal(recipientWords({ to, name: "" }), "dan@example.org");
  assert.equal(recipientWords({ to, name: "Dan" }), "dan@example.org (Dan)");
  assert.equal(recipientWords({ to: { kind: "person", user: "u" }, name: "Dan" }), "Dan");
});

test("a name that is written the other way does not turn the address it stands behind", () => {
  setLanguage("en", { "transfers.accepted_by": "{email} ({name})" });
  const to = { kind: "address", email: "omar@example.org" };
  assert.equal(recipientWords({ to, name: "عمر" }), "omar@example.org (\u2068عمر\u2069)");
});

test("a transfer of which no file has begun waits for its turn, or for the network", () => {
  const words = ["offline", "queued", "state_uploading"];
  setLanguage("en", Object.fromEntries(words.map((word) => [`transfers.${word}`, word])));
  const say = (isOnline, ...states) => {
    const files = states.map((state) => ({ state }));
    return sentWords({ state: "uploading", failure: null, files }, { nowMs: 0, isOnline });
  };
  assert.equal(say(true, "waiting", "waiting"), "queued");
  assert.equal(say(true, "moving", "waiting"), "state_uploading");
  assert.equal(say(true, "done", "waiting"), "state_uploading");
  assert.equal(say(false, "waiting"), "offline");
});

test("a transfer that found no space says that nothing was sent, not that it will be", () => {
  setLanguage("en", {
    "transfers.server_full": "nothing sent",
    "error.storage_full": "sent later",
  });
  const failed = { state: "failed", failure: "storage_full", files: [] };
  assert.equal(sentWords(failed, { nowMs: 0, isOnline: true }), "nothing sent");
});
