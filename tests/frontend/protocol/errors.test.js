import assert from "node:assert/strict";
import { test } from "node:test";

import { RefusedError } from "../../../frontend/js/protocol/errors.js";

for (const limit of ["daily", "pending", "transfers"]) {
  test(`a quota that is full says that it is ${limit}`, () => {
    const refused = new RefusedError({ code: "quota_full", limit });
    assert.equal(refused.code, `quota_full_${limit}`);
  });
}

test("a limit that has no words of its own is the quota", () => {
  for (const limit of ["stored", "another", undefined]) {
    assert.equal(new RefusedError({ code: "quota_full", limit }).code, "quota_full");
  }
});
