import assert from "node:assert/strict";
import { test } from "node:test";

/** @import { Cleaned } from "../../../frontend/js/lib/photo-metadata.js" */
import { photoType, withoutMetadata } from "../../../frontend/js/lib/photo-metadata.js";

const SECRET = "GPS 21.0285 105.8542";

/** @param {string} text one character a byte */
const bytes = (text) => Uint8Array.from([...text], (each) => each.charCodeAt(0));

/** @param {Uint8Array[]} parts */
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** @param {Uint8Array | Cleaned | null} of */
const text = (of) =>
  String.fromCharCode(...(of instanceof Uint8Array ? of : join(...(of?.parts ?? []))));

/** @param {number} marker @param {Uint8Array} data */
function segment(marker, data) {
  const size = data.length + 2;
  return join(Uint8Array.from([0xff, marker, size >> 8, size & 0xff]), data);
}

/** @param {string} type @param {Uint8Array} data */
function pngChunk(type, data) {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, data.length);
  return join(head, bytes(type), data, new Uint8Array(4));
}

/** @param {string} type @param {Uint8Array} data */
function riffChunk(type, data) {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, data.length, true);
  return join(bytes(type), head, data, new Uint8Array(data.length % 2));
}

/** @param {Uint8Array[]} chunks */
function webp(...chunks) {
  return riffChunk("RIFF", join(bytes("WEBP"), ...chunks));
}

/** @param {number} orientation @param {boolean} isLittle */
function tiff(orientation, isLittle) {
  const view = new DataView(new ArrayBuffer(26));
  view.setUint32(4, 8, isLittle);
  view.setUint16(8, 1, isLittle);
  view.setUint16(10, 0x0112, isLittle);
  view.setUint16(12, 3, isLittle);
  view.setUint32(14, 1, isLittle);
  view.setUint16(18, orientation, isLittle);
  const head = bytes(isLittle ? "II*\0" : "MM\0*");
  return join(head, new Uint8Array(view.buffer).subarray(4), bytes(SECRET));
}

const PNG = bytes("\x89PNG\r\n\x1a\n");
const IHDR = pngChunk("IHDR", new Uint8Array(13));
const IEND = pngChunk("IEND", new Uint8Array(0));
const SOI = bytes("\xff\xd8");
const EOI = bytes("\xff\xd9");
const JFIF = segment(0xe0, bytes("JFIF\0\x01\x02\0\0\x01\0\x01\0\0"));
const PROFILE = segment(0xe2, bytes("ICC_PROFILE\0\x01\x01colours"));
const TABLE = segment(0xdb, bytes("table"));
// Stuffed bytes and restarts belong to the scan; a second scan follows, as in a progressive picture.
const SCANS = join(
  segment(0xda, bytes("head")),
  bytes("data\xff\0more\xff\xd0data"),
  segment(0xda, bytes("head")),
  bytes("rest"),
);
const PICTURE = join(JFIF, PROFILE, TABLE, SCANS, EOI);

const exif = (/** @type {number} */ orientation, isLittle = true) =>
  segment(0xe1, join(bytes("Exif\0\0"), tiff(orientation, isLittle)));

test("a JPEG keeps its picture bit for bit and loses what else it says", () => {
  const said = [
    exif(1),
    segment(0xe1, bytes(`http://ns.adobe.com/xap/1.0/\0${SECRET}`)),
    segment(0xe2, bytes(`MPF\0${SECRET}`)),
    segment(0xed, bytes(`Photoshop 3.0\0${SECRET}`)),
    segment(0xfe, bytes(SECRET)),
  ];
  const cleaned = withoutMetadata(join(SOI, ...said, PICTURE, bytes(SECRET)));
  assert.equal(text(cleaned), text(join(SOI, PICTURE)));
});

for (const isLittle of [true, false]) {
  test(`a turned JPEG stays turned and says nothing else, ${isLittle ? "II" : "MM"}`, () => {
    for (let orientation = 2; orientation <= 8; orientation += 1) {
      const cleaned = withoutMetadata(join(SOI, exif(orientation, isLittle), PICTURE));
      assert.ok(!text(cleaned).includes(SECRET));
      // What was written is read again in the same way: cleaned once more it stays as it is.
      const once = join(...(cleaned?.parts ?? []));
      assert.equal(text(withoutMetadata(once)), text(once));
      assert.equal(once.length, SOI.length + 36 + PICTURE.length);
    }
  });
}

test("an orientation that makes no sense is left out", () => {
  for (const orientation of [0, 9, 65_535]) {
    const cleaned = withoutMetadata(join(SOI, exif(orientation), PICTURE));
    assert.equal(text(cleaned), text(join(SOI, PICTURE)));
  }
});

test("a PNG keeps the chunks a picture is made of", () => {
  const drawn = [IHDR, pngChunk("gAMA", bytes("gama")), pngChunk("IDAT", bytes("data")), IEND];
  const said = ["tEXt", "zTXt", "iTXt", "tIME", "prVt"].map((type) =>
    pngChunk(type, bytes(SECRET)),
  );
  const cleaned = withoutMetadata(join(PNG, drawn[0], ...said, ...drawn.slice(1), bytes(SECRET)));
  assert.equal(text(cleaned), text(join(PNG, ...drawn)));
});

test("a WebP keeps its picture, and its head announces nothing that is gone", () => {
  const head = (/** @type {number} */ flags) =>
    riffChunk("VP8X", Uint8Array.from([flags, 0, 0, 0]));
  const picture = riffChunk("VP8 ", bytes("odd"));
  const said = [riffChunk("EXIF", tiff(1, true)), riffChunk("XMP ", bytes(SECRET))];
  const cleaned = withoutMetadata(webp(head(0b101100), picture, ...said));
  assert.equal(text(cleaned), text(webp(head(0b100000), picture)));
});

const STREAM = [1, 2].map((at) => join(SOI, exif(1), TABLE, segment(0xda, bytes(`${at}`)), EOI));

test("pictures that follow each other all stay, each without what it says", () => {
  const cleaned = withoutMetadata(join(...STREAM));
  const expected = [1, 2].map((at) => join(SOI, TABLE, segment(0xda, bytes(`${at}`)), EOI));
  assert.equal(text(cleaned), text(join(...expected)));
  assert.equal(cleaned?.isAlone, false);
});

test("whatever a camera hides behind its picture is left out, and that is known", () => {
  const indexed = join(SOI, segment(0xe2, bytes("MPF\0II*\0")), PICTURE);
  const hidden = [STREAM[0], bytes("\0\0\0\x18ftypmp42film"), STREAM[0]?.subarray(0, 9)];
  for (const [at, more] of hidden.entries()) {
    const cleaned = withoutMetadata(join(indexed, more ?? SOI));
    assert.equal(text(cleaned), text(join(SOI, PICTURE)));
    assert.equal(cleaned?.isAlone, true, `${at}`);
  }
  assert.equal(
    withoutMetadata(join(SOI, PICTURE, STREAM[0]?.subarray(0, 9) ?? SOI))?.isAlone,
    true,
  );
  assert.equal(withoutMetadata(join(indexed, new Uint8Array(4)))?.isAlone, false);
});

test("a PNG or WebP that holds more than a picture and what tells of it is known", () => {
  const png = (/** @type {Uint8Array[]} */ ...more) => join(PNG, IHDR, ...more, IEND);
  const tells = [
    pngChunk("tEXt", bytes("Software\0GIMP")),
    pngChunk("iTXt", bytes("XML:com.adobe.xmp\0\0\0\0\0<x/>")),
    pngChunk("zTXt", bytes("Raw profile type exif\0\0deflated")),
    pngChunk("tEXt", bytes("exif:GPSLatitude\x0021/1")),
    pngChunk("tIME", new Uint8Array(7)),
    pngChunk("iDOT", new Uint8Array(28)),
  ];
  assert.equal(withoutMetadata(png(...tells))?.isAlone, false);
  for (const [type, keyword] of [
    ["tEXt", "mxfile"],
    ["zTXt", "mxGraphModel"],
    ["iTXt", "application/vnd.excalidraw+json"],
    ["mkBT", "layers"],
  ]) {
    const drawn = withoutMetadata(png(pngChunk(type ?? "", bytes(`${keyword}\0drawing`))));
    assert.equal(drawn?.isAlone, true, type);
  }
  assert.equal(withoutMetadata(join(png(), bytes("PK")))?.isAlone, true);

  const picture = riffChunk("VP8 ", bytes("data"));
  const said = [riffChunk("EXIF", tiff(1, true)), riffChunk("XMP ", bytes(SECRET))];
  assert.equal(withoutMetadata(webp(picture, ...said))?.isAlone, false);
  assert.equal(withoutMetadata(webp(picture, riffChunk("MORE", bytes("x"))))?.isAlone, true);
  assert.equal(withoutMetadata(join(webp(picture), bytes("PK")))?.isAlone, true);
});

test("a PNG or WebP that is turned has to be drawn anew", () => {
  assert.equal(withoutMetadata(join(PNG, IHDR, pngChunk("eXIf", tiff(6, false)), IEND)), null);
  assert.equal(withoutMetadata(webp(riffChunk("EXIF", tiff(6, true)))), null);
  const prefixed = join(bytes("Exif\0\0"), tiff(6, true));
  assert.equal(withoutMetadata(webp(riffChunk("EXIF", prefixed))), null);
});

const WHOLE = {
  jpeg: join(SOI, exif(6), PICTURE),
  png: join(PNG, IHDR, pngChunk("tEXt", bytes(SECRET)), pngChunk("IDAT", bytes("data")), IEND),
  webp: webp(riffChunk("VP8 ", bytes("data")), riffChunk("EXIF", tiff(1, true))),
};

for (const [name, whole] of Object.entries(WHOLE)) {
  test(`a ${name} that is cut off anywhere is not taken for a whole one`, () => {
    for (let size = 0; size < whole.length; size += 1) {
      assert.equal(withoutMetadata(whole.subarray(0, size)), null, `${size} bytes`);
    }
  });

  test(`a ${name} with any byte changed ends, and gives nothing that was not in it`, () => {
    for (let at = 0; at < whole.length; at += 1) {
      for (const value of [0, 0x7f, 0xff]) {
        const changed = whole.slice();
        changed[at] = value;
        const size = join(...(withoutMetadata(changed)?.parts ?? [])).length;
        assert.ok(size <= whole.length + 36, `${value} at ${at}`);
      }
    }
  });
}

test("a photo is known by its first bytes", () => {
  assert.equal(photoType(WHOLE.jpeg), "image/jpeg");
  assert.equal(photoType(WHOLE.png), "image/png");
  assert.equal(photoType(WHOLE.webp), "image/webp");
  assert.equal(photoType(bytes("GIF89a")), null);
  assert.equal(photoType(new Uint8Array(0)), null);
});
