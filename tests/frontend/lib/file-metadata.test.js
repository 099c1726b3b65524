import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { withoutTraces } from "../../../frontend/js/lib/file-metadata.js";
import {
  box,
  bytes,
  film,
  full,
  gif,
  GIF_DRAWN,
  join,
  SECRET,
  still,
  uint,
  webm,
} from "./media-bytes.js";

/** @param {Blob | null} blob */
const contentOf = async (blob) => new Uint8Array((await blob?.arrayBuffer()) ?? []);

/** @param {Uint8Array} content @param {string} [type] */
const clean = async (content, type) => withoutTraces(new Blob([content], { type }));

/** @param {Uint8Array} content */
const text = (content) => Buffer.from(content).toString("latin1");

/** Everything that is not told of the secret stays where it is. @param {Uint8Array} content */
async function cleanedText(content) {
  const cleaned = await contentOf(await clean(content));
  assert.ok(cleaned.length > 0, "it was taken for what it is");
  assert.ok(!text(cleaned).includes(SECRET));
  assert.ok(!text(cleaned).includes(SECRET.slice(0, SECRET.length / 2)));
  return text(cleaned);
}

const KINDS = {
  film: film(),
  "film of long boxes": film({ big: true, version: 1 }),
  "QuickTime film": film({ brand: "qt  " }),
  HEIC: still(),
  "AVIF of the first version": still({ brand: "avif", version: 0 }),
  "HEIC of the third version": still({ version: 2 }),
  WebM: webm(),
  "live WebM": webm({ isLive: true }),
  GIF: gif(),
};

for (const [name, whole] of Object.entries(KINDS)) {
  test(`a ${name} loses what it says and keeps what it shows`, async () => {
    const said = await cleanedText(whole);
    const shown = name === "GIF" ? "x".repeat(255) : "PICTURE";
    assert.equal(said.split(shown).length, text(whole).split(shown).length);
    if (name !== "GIF")
      assert.equal(said.length, whole.length, "whatever points into it still fits");
  });

  test(`a ${name} that is clean stays as it is`, async () => {
    const once = await contentOf(await clean(whole));
    assert.deepEqual(await contentOf(await clean(once)), once);
  });
}

test("a film says no longer when it was made, with dates of either size", async () => {
  for (const version of [0, 1]) {
    const said = await cleanedText(film({ version }));
    assert.ok(!/MADE|CHANGED/.test(said));
    assert.equal(said.split("kept").length, 1 + 3, "of the film, its track and its media");
  }
});

test("of a film the track of places is gone with its samples, and the picture stays where it was", async () => {
  const whole = film();
  const said = await cleanedText(whole);
  const at = text(whole).indexOf("PICTURE two");
  assert.equal(said.slice(at, at + 11), "PICTURE two");
  assert.equal(said.split("trak").length, 2);
  assert.match(said, /PICTURE one\0+PICTURE two\0+/);
});

test("a picture of items stays turned as it was", async () => {
  assert.match(await cleanedText(still()), /TURNED by 90/);
});

test("a GIF repeats as it did, and ends where it ends", async () => {
  assert.equal(await cleanedText(gif()), text(GIF_DRAWN));
});

test("it keeps its type, and gets one by its content when it has none that says anything", async () => {
  assert.equal((await clean(still({ brand: "avif" })))?.type, "image/avif");
  assert.equal((await clean(still()))?.type, "image/heic");
  assert.equal((await clean(film({ brand: "qt  " })))?.type, "video/quicktime");
  assert.equal((await clean(film()))?.type, "video/mp4");
  assert.equal((await clean(gif()))?.type, "image/gif");
  assert.equal((await clean(film(), "audio/mp4"))?.type, "audio/mp4");
  assert.equal((await clean(still(), "application/octet-stream"))?.type, "image/heic");
});

const ftyp = box("ftyp", bytes("isom"), uint(0));
const mvhd = full("mvhd", 0, new Uint8Array(8));
const places = box("trak", box("mdia", full("hdlr", 0, uint(0), bytes("meta"))));
/** @param {Uint8Array} content @param {Uint8Array} before @param {Uint8Array} after */
function changed(content, before, after) {
  const at = text(content).lastIndexOf(text(before));
  assert.ok(at >= 0 && before.length === after.length);
  return join(content.subarray(0, at), after, content.subarray(at + before.length));
}
const HALF = uint(SECRET.length / 2);
const REFUSED = {
  "an item that takes everything": changed(still(), HALF, uint(0)),
  "an item that goes beyond the end": changed(still(), HALF, uint(10_000)),
  "an item that lies in another": changed(still(), uint(3 * 65_536 + 1), uint(3 * 65_536 + 2)),
  nothing: new Uint8Array(0),
  "a text": bytes("Some words."),
  "a raw picture of a camera": box("ftyp", bytes("crx "), uint(0)),
  "a film whose boxes are compressed": join(ftyp, box("moov", box("cmov", bytes("zlib")))),
  "a film whose places lie in fragments": join(ftyp, box("moov", mvhd, places, box("mvex"))),
  "a box larger than the file": join(ftyp, uint(1_000), bytes("moov")),
  "a box smaller than its head": join(ftyp, uint(7), bytes("moov")),
};

for (const [name, content] of Object.entries(REFUSED)) {
  test(`${name} is left to whoever asked`, async () => {
    assert.equal(await clean(content), null);
  });
}

test("a film of a gigabyte is cleaned without being read", async () => {
  const block = new Blob([new Uint8Array(2 ** 24)]);
  const size = 64 * block.size;
  const head = join(ftyp, uint(size + 8), bytes("mdat"));
  const rest = box("moov", mvhd, box("udta", bytes(SECRET)));
  let readBytes = 0;
  class Watched extends Blob {
    /** @param {number} start @param {number} end */
    slice(start, end) {
      const part = super.slice(start, end);
      const read = part.arrayBuffer.bind(part);
      part.arrayBuffer = () => {
        readBytes += part.size;
        return read();
      };
      return part;
    }
  }
  const whole = new Watched([head, ...new Array(64).fill(block), rest]);
  const cleaned = await withoutTraces(whole);
  assert.equal(cleaned?.size, whole.size);
  assert.ok(readBytes < 1_000_000, `${readBytes}`);
  const end = await contentOf(cleaned?.slice(-rest.length) ?? null);
  assert.match(text(end), /free\0+$/);
});

for (const [name, whole] of Object.entries(KINDS)) {
  test(`a ${name} that is cut off anywhere ends, and never grows`, async () => {
    for (let size = 0; size < whole.length; size += 1) {
      const cleaned = await contentOf(await clean(whole.subarray(0, size)));
      assert.ok(cleaned.length <= size, `${size} bytes`);
    }
  });

  test(`a ${name} with any bytes changed ends, and never grows`, async () => {
    const change = fc.tuple(
      fc.nat(whole.length - 1),
      fc.constantFrom(0, 1, 2, 4, 8, 0x7f, 0x80, 0xff),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const other = whole.slice();
        for (const [at, value] of changes) other[at] = value;
        const cleaned = await contentOf(await clean(other));
        assert.ok(cleaned.length <= whole.length);
      }),
      { numRuns: 400 },
    );
  });
}

test("whatever calls itself a picture or a film ends", async () => {
  const heads = [
    "GIF89a",
    "\x1a\x45\xdf\xa3",
    "\0\0\0\x0cftypisom",
    "\0\0\0\x08moov",
    "\0\0\0\0meta",
  ];
  const random = fc.tuple(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 300 }));
  await fc.assert(
    fc.asyncProperty(random, async ([head, rest]) => {
      const content = join(bytes(head), rest);
      const cleaned = await contentOf(await clean(content));
      assert.ok(cleaned.length <= content.length);
    }),
    { numRuns: 2_000 },
  );
});
