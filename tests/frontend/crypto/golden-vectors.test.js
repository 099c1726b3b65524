import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";

import { openArgon2id } from "./argon2-in-process.js";
import { runGoldenVectors } from "./vectors.js";

const file = new URL("../../vectors/seal1.json", import.meta.url);
const vectors = JSON.parse(await readFile(file, "utf8"));
const { argon2id, close } = await openArgon2id();
after(close);

for (const { name, expected, actual } of await runGoldenVectors(vectors, argon2id)) {
  test(`reproduces ${name}`, () => assert.equal(actual, expected));
}
