import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { createLog } from "../../../frontend/js/lib/log.js";
import { createExchange } from "../../../frontend/js/net/exchange.js";
import { createFileCalls } from "../../../frontend/js/net/files.js";
import { createLinkCalls } from "../../../frontend/js/net/links.js";
import { FILE_PART_BYTES } from "../../../frontend/js/protocol/limits.js";

const ORIGIN = "https://chat.example.org";
const BUCKET = "https://s3.example.org";
const SECRET = "X-Amz-Signature=5ec4e7";
const FILE = "A".repeat(22);
const TRANSFER = "B".repeat(22);
const PART = new Uint8Array(100).fill(7);
const HASH = "C".repeat(43);
const SIGNED = { "Content-Type": "application/octet-stream", "x-amz-checksum-sha256": "abc=" };
const LATER_MS = 2 ** 42;

const json = (body, status = 200) => new Response(JSON.stringify(body), { status });
const refusal = (status, code) => json({ error: { code, request_id: "r" } }, status);

/** A server, a bucket, and whoever calls both; a test changes what they answer. */
class World {
  calls = [];
  lines = [];
  isDirect = true;
  url = `${BUCKET}/bucket/part?${SECRET}`;
  abort = new AbortController();
  answers = {
    grant: () => json({ token: "t", expires_ms: LATER_MS, size_bytes: 1, direct: this.isDirect }),
    downloads: () => json({ token: "t", expires_ms: LATER_MS, direct: this.isDirect }),
    address: () => json({ url: this.url, headers: SIGNED, expires_ms: LATER_MS }),
    arrived: () => json({}),
    part: () => json({}),
    content: () => new Response(PART),
    bucket: (method) => new Response(method === "GET" ? PART : null),
  };

  constructor() {
    const exchange = createExchange({
      fetch: (url, init) => this.#fetch(url, init),
      origin: ORIGIN,
    });
    const bearer = { Authorization: "Bearer secret" };
    const api = {
      ...exchange,
      call: (method, path, shape, body, headers) =>
        exchange.call(method, path, shape, { body, headers: { ...headers, ...bearer } }),
      transfer: (method, path, { headers, ...rest }) =>
        exchange.transfer(method, path, { headers: { ...headers, ...bearer }, ...rest }),
    };
    const log = createLog({ sink: (...line) => this.lines.push(line) });
    const device = { sign: async () => "sig", nowMs: () => 1, log };
    this.files = createFileCalls(api, device);
    this.links = createLinkCalls(exchange, { transfer: TRANSFER, download: FILE, log });
  }

  async #fetch(url, init) {
    init.signal.throwIfAborted();
    const isBucket = !url.startsWith(ORIGIN);
    const last = new URL(url).pathname.split("/").at(-1);
    const what = isBucket ? "bucket" : /^\d+$/.test(last) ? "part" : last;
    this.calls.push({ what, url, ...init });
    return this.answers[what](init.method);
  }

  get went() {
    return this.calls.map(({ what }) => what).filter((what) => !/grant|downloads/.test(what));
  }

  put(number = 0) {
    return this.files.put(FILE, number, { bytes: PART, hash: HASH }, this.abort.signal);
  }

  get(number = 0) {
    const start = number * FILE_PART_BYTES;
    return this.files.read(FILE, { start, end: start + PART.length }, this.abort.signal);
  }

  getByLink(number = 0) {
    const start = number * FILE_PART_BYTES;
    const range = { start, end: start + PART.length };
    return this.links.read(new Uint8Array(32), FILE, range, this.abort.signal);
  }
}

const unreachable = () => {
  throw new TypeError("Failed to fetch");
};

/** @type {World} */
let world;
beforeEach(() => {
  world = new World();
});

const BOTH = ["get", "getByLink"];

describe("past the server", () => {
  test("a part goes to its address and is then said to be there", async () => {
    await world.put(3);
    assert.deepEqual(world.went, ["address", "bucket", "arrived"]);
    const [, address, bucket, arrived] = world.calls;
    for (const call of [address, arrived]) {
      assert.ok(call.url.startsWith(`${ORIGIN}/api/files/${FILE}/parts/3/`));
      assert.equal(call.headers["X-File-Grant"], "t");
      assert.deepEqual(JSON.parse(call.body), { hash: HASH });
    }
    assert.deepEqual([bucket.method, bucket.url, bucket.body], ["PUT", world.url, PART]);
  });

  for (const [how, headers] of [
    ["put", SIGNED],
    ["get", {}],
    ["getByLink", {}],
  ]) {
    test(`nothing of ours goes along to the bucket (${how})`, async () => {
      await world[how]();
      const { signal, ...sent } = world.calls.find(({ what }) => what === "bucket");
      assert.ok(signal);
      assert.deepEqual(sent, {
        what: "bucket",
        url: world.url,
        method: how === "put" ? "PUT" : "GET",
        headers,
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
        ...(how === "put" ? { body: PART } : {}),
      });
    });
  }

  test("headers that nobody signs for us do not go along", async () => {
    const headers = { ...SIGNED, Authorization: "Bearer theirs", Cookie: "a=b" };
    world.answers.address = () => json({ url: world.url, headers, expires_ms: LATER_MS });
    await world.put();
    assert.deepEqual(world.calls.find(({ what }) => what === "bucket").headers, SIGNED);
  });

  for (const how of BOTH) {
    test(`a part comes from its address (${how})`, async () => {
      assert.deepEqual(await world[how](2), PART);
      assert.deepEqual(world.went, ["address", "bucket"]);
      assert.match(world.calls[1].url, new RegExp(`/files/${FILE}/parts/2/address$`));
      assert.equal(world.calls[1].headers["X-File-Grant"], "t");
    });
  }

  test("another grant is asked for when the server wants one", async () => {
    let asked = 0;
    const { address } = world.answers;
    world.answers.address = () => (asked++ ? address() : refusal(403, "bad_grant"));
    await world.put();
    assert.deepEqual(world.went, ["address", "address", "bucket", "arrived"]);
  });
});

describe("through the server", () => {
  for (const [how, plain] of [
    ["put", "part"],
    ["get", "content"],
    ["getByLink", "content"],
  ]) {
    test(`whose grant says nothing asks for no address (${how})`, async () => {
      world.isDirect = undefined;
      await world[how]();
      assert.deepEqual(world.went, [plain]);
    });

    for (const [why, change] of [
      ["cannot be reached", (answers) => (answers.bucket = unreachable)],
      ["refuses", (answers) => (answers.bucket = () => new Response("<Error/>", { status: 403 }))],
      ["has no address any more", (answers) => (answers.address = () => refusal(404, "not_found"))],
    ]) {
      test(`the rest of a file goes when the bucket ${why} (${how})`, async () => {
        change(world.answers);
        await world[how](0);
        await world[how](1);
        assert.deepEqual(world.went.slice(-2), [plain, plain]);
        assert.equal(world.went.filter((what) => what === "address").length, 1);
        assert.deepEqual(world.lines, [["warn", "parts.through_server", {}]]);
      });
    }

    test(`whoever is off-line tries both ways again (${how})`, async () => {
      const { bucket, [plain]: through } = world.answers;
      world.answers.bucket = world.answers[plain] = unreachable;
      await assert.rejects(world[how](), { code: "offline" });
      Object.assign(world.answers, { bucket, [plain]: through });
      world.calls = [];
      await world[how]();
      assert.ok(!world.went.includes(plain));
      assert.deepEqual(world.lines, []);
    });

    test(`whoever stops is not sent the other way (${how})`, async () => {
      world.answers.bucket = () => {
        world.abort.abort();
        throw new DOMException("stopped", "AbortError");
      };
      await assert.rejects(world[how](), { code: "offline" });
      assert.equal(world.went.at(-1), "bucket");
    });

    for (const url of [
      "http://s3.example.org/part",
      "http://localhost.example.org/part",
      "https://name:word@s3.example.org/part",
      "javascript:alert(1)//",
      "//s3.example.org/part",
      "https://s3.example.org",
      "",
    ]) {
      test(`nobody goes to ${url || "nowhere"} (${how})`, async () => {
        world.url = url;
        await world[how]();
        assert.deepEqual(world.went, ["address", plain]);
      });
    }
  }

  test("a part that did not come is sent again", async () => {
    world.answers.arrived = () => refusal(422, "bad_part");
    await world.put();
    assert.deepEqual(world.went, ["address", "bucket", "arrived", "part"]);
  });

  for (const how of BOTH) {
    test(`a part of another size is asked for again (${how})`, async () => {
      world.answers.bucket = () => new Response(PART.subarray(1));
      assert.deepEqual(await world[how](), PART);
      assert.deepEqual(world.went, ["address", "bucket", "content"]);
    });
  }

  test("a refusal that is not about the way is one", async () => {
    world.answers.address = () => refusal(409, "conflict");
    await assert.rejects(world.put(), { code: "conflict" });
    assert.deepEqual(world.went, ["address"]);
  });
});
