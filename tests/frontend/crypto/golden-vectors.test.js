import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";

import { openArgon2id } from "./argon2-in-process.js";
import { runFileVectors } from "./file-vectors.js";
import { runLinkVectors } from "./link-vectors.js";
import { runGoldenVectors } from "./vectors.js";

const read = async (name) =>
  JSON.parse(await readFile(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));
const [vectors, files, links] = await Promise.all(["seal1", "seal_file", "seal_link"].map(read));
const { argon2id, close } = await openArgon2id();
after(close);

const results = [
  ...(await runGoldenVectors(vectors, argon2id)),
  ...(await runFileVectors(vectors, files, argon2id)),
  ...(await runLinkVectors(links, argon2id)),
];
for (const { name, expected, actual } of results) {
  test(`reproduces ${name}`, () => assert.equal(actual, expected));
}
