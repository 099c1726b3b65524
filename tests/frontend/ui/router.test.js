import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { formatRoute, parseRoute } from "../../../frontend/js/ui/router.js";

const TABLE = { chats: "/chats", room: "/chats/:room", verify: "/people/:user/verify" };

test("what is formatted is parsed back, whatever the parameter holds", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (room) => {
      const params = { room };
      assert.deepEqual(parseRoute(TABLE, formatRoute(TABLE, "room", params)), {
        name: "room",
        params,
      });
    }),
  );
});

test("an address that fits no pattern is nowhere, not an error", () => {
  for (const hash of [
    "",
    "#",
    "#/",
    "#/elsewhere",
    "#/chats/",
    "#/chats/a/b",
    "#/chats/%E0%A4%A",
  ]) {
    assert.equal(parseRoute(TABLE, hash), null, hash);
  }
});

test("any text in the address bar is answered without throwing", () => {
  fc.assert(fc.property(fc.string(), (hash) => void parseRoute(TABLE, hash)));
});

test("a link to a route that does not exist is a bug", () => {
  assert.throws(() => formatRoute(TABLE, "nowhere"), /no route named nowhere/);
});
