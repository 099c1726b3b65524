import assert from "node:assert/strict";
import { test } from "node:test";

import { offerBadPoints } from "./points.js";

for (const { name, refusedBy } of await offerBadPoints()) {
  test(`no point is imported or agreed with when it is ${name}`, () => {
    assert.deepEqual(refusedBy, ["agree", "importAgreementKey", "importVerifyingKey"]);
  });
}
