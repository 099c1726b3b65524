/** Files of every kind whose metadata is taken out, made byte by byte, each with a secret in it. */

export const SECRET = "GPS +21.0285+105.8542/ Canon EOS 7";

/** @param {string} text one character a byte */
export const bytes = (text) => Uint8Array.from([...text], (each) => each.charCodeAt(0));

/** @param {Uint8Array[]} parts */
export function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {number} value @param {number} [size] */
export const uint = (value, size = 4) =>
  Uint8Array.from({ length: size }, (_, at) => Math.floor(value / 256 ** (size - 1 - at)) % 256);

// ---- boxes

/** @param {string} type @param {Uint8Array[]} content */
export function box(type, ...content) {
  const body = join(...content);
  return join(uint(body.length + 8), bytes(type), body);
}

/** A box whose size is written in eight bytes. @param {string} type @param {Uint8Array[]} content */
export function longBox(type, ...content) {
  const body = join(...content);
  return join(uint(1), bytes(type), uint(body.length + 16, 8), body);
}

/** @param {string} type @param {number} version @param {Uint8Array[]} content */
export const full = (type, version, ...content) =>
  box(type, uint(version, 1), uint(0, 3), ...content);

/** @param {string} kind @param {string} name */
const hdlr = (kind, name) => full("hdlr", 0, uint(0), bytes(kind), uint(0, 12), bytes(`${name}\0`));

/** @param {number} version */
const dates = (version) =>
  join(bytes("2026MADE"), version === 1 ? bytes("CHANGED!") : new Uint8Array());

/** @param {string} kind @param {{ chunks: number[], sizes: number[], perChunk: number, version?: number }} table */
function track(kind, { chunks, sizes, perChunk, version = 0 }) {
  const stbl = box(
    "stbl",
    full("stsz", 0, uint(0), uint(sizes.length), ...sizes.map((size) => uint(size))),
    full("stsc", 0, uint(1), uint(1), uint(perChunk), uint(1)),
    full("stco", 0, uint(chunks.length), ...chunks.map((at) => uint(at))),
  );
  const mdhd = full("mdhd", version, dates(version), bytes("kept"));
  const mdia = box("mdia", mdhd, hdlr(kind, SECRET), box("minf", stbl));
  return box("trak", full("tkhd", version, dates(version), bytes("kept")), mdia, udta());
}

const udta = () => box("udta", box("\xa9xyz", uint(SECRET.length, 2), uint(0, 2), bytes(SECRET)));
const XMP = bytes("\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac");

/** A film: picture, and a track of places whose samples lie between those of the picture. */
export function film({ brand = "isom", version = 0, big = false } = {}) {
  const ftyp = box("ftyp", bytes(brand), uint(0), bytes("isom"));
  const samples = [bytes("PICTURE one"), bytes(SECRET), bytes("PICTURE two"), bytes(SECRET)];
  const mdat = (big ? longBox : box)("mdat", ...samples);
  const first = ftyp.length + (big ? 16 : 8);
  const starts = samples.map((_, at) => first + join(...samples.slice(0, at)).length);
  const [picture, place] = [0, 1].map((at) => samples[at].length);
  const moov = box(
    "moov",
    full("mvhd", version, dates(version), bytes("kept")),
    track("vide", {
      chunks: [starts[0], starts[2]],
      sizes: [picture, picture],
      perChunk: 1,
      version,
    }),
    track("meta", { chunks: [starts[1], starts[3]], sizes: [place, place], perChunk: 1 }),
    udta(),
    box("meta", hdlr("mdta", ""), box("keys", bytes(SECRET))),
    box("uuid", XMP, bytes(SECRET)),
  );
  return join(
    ftyp,
    mdat,
    moov,
    box("uuid", XMP, bytes(SECRET)),
    box("free", bytes(SECRET)),
    uint(0, 3),
  );
}

/** @param {number} id @param {string} type @param {number} version */
const infe = (id, type, version) =>
  full("infe", version, uint(id, version < 3 ? 2 : 4), uint(0, 2), bytes(`${type}name\0`));

/** A picture of items: the picture in `mdat`, Exif beside it, XMP in `idat`. @param {number} version of `iloc` */
export function still({ brand = "heic", version = 1 } = {}) {
  const ftyp = box("ftyp", bytes(brand), uint(0), bytes("mif1"));
  const picture = bytes("PICTURE of a lake");
  const wide = version < 2 ? 2 : 4;
  /** @param {number} id @param {number} method @param {[number, number][]} extents */
  const item = (id, method, extents) =>
    join(
      uint(id, wide),
      version === 0 ? new Uint8Array() : uint(method, 2),
      uint(0, 2),
      uint(0, 4),
      uint(extents.length, 2),
      ...extents.map(([offset, length]) => join(uint(offset), uint(length))),
    );
  const half = SECRET.length / 2;
  /** @param {number} at where the content of `mdat` begins */
  const meta = (at) =>
    full(
      "meta",
      0,
      hdlr("pict", ""),
      full("pitm", 0, uint(1, 2)),
      full("iinf", 0, uint(3, 2), infe(1, "hvc1", 2), infe(2, "Exif", 3), infe(3, "mime", 2)),
      full(
        "iloc",
        version,
        uint(0x44, 1),
        uint(0x40, 1),
        uint(version === 0 ? 2 : 3, wide),
        item(1, 0, [[at, picture.length]]),
        item(2, 0, [
          [at + picture.length, half],
          [at + picture.length + half, half],
        ]),
        ...(version === 0 ? [] : [item(3, 1, [[0, SECRET.length]])]),
      ),
      ...(version === 0 ? [] : [box("idat", bytes(SECRET))]),
      box("uuid", XMP, bytes(SECRET)),
      box("iprp", bytes("TURNED by 90")),
    );
  const at = ftyp.length + meta(0).length + 8;
  return join(ftyp, meta(at), box("mdat", picture, bytes(SECRET)));
}

// ---- blocks

/** @param {Uint8Array} data */
function blocks(data) {
  const parts = [];
  for (let at = 0; at < data.length; at += 255) {
    const part = data.subarray(at, at + 255);
    parts.push(uint(part.length, 1), part);
  }
  return join(...parts, uint(0, 1));
}

/** @param {number} label @param {Uint8Array[]} data */
const extension = (label, ...data) =>
  join(uint(0x21, 1), uint(label, 1), ...data.map(blocks).slice(0, 1));

/** @param {string} name @param {string} data */
const application = (name, data) =>
  join(uint(0x21, 1), uint(0xff, 1), uint(11, 1), bytes(name), blocks(bytes(data)));

const GIF_HEAD = join(
  bytes("GIF89a"),
  uint(1, 2),
  uint(1, 2),
  Uint8Array.from([0x80, 0, 0]),
  bytes("colour"),
);
const GIF_FRAME = join(
  extension(0xf9, uint(0, 4)),
  join(
    uint(0x2c, 1),
    uint(0, 8),
    uint(0x80, 1),
    bytes("colour"),
    uint(2, 1),
    blocks(bytes("x".repeat(600))),
  ),
);
export const GIF_DRAWN = join(
  GIF_HEAD,
  application("NETSCAPE2.0", "\x01\0\0"),
  application("ICCRGBG1012", "colours"),
  GIF_FRAME,
  GIF_FRAME,
  bytes(";"),
);

export function gif() {
  return join(
    GIF_HEAD,
    application("NETSCAPE2.0", "\x01\0\0"),
    application("XMP DataXMP", SECRET.repeat(20)),
    application("ICCRGBG1012", "colours"),
    GIF_FRAME,
    extension(0xfe, bytes(SECRET)),
    GIF_FRAME,
    bytes(";"),
    bytes(SECRET),
  );
}

// ---- elements

/** @param {number} id @param {Uint8Array[]} content */
export function element(id, ...content) {
  const body = join(...content);
  const head = uint(id, Math.ceil(Math.log2(id + 1) / 8));
  const size = body.length < 127 ? uint(0x80 + body.length, 1) : uint(0x10000000 + body.length, 4);
  return join(head, size, body);
}

/** @param {number} id @param {Uint8Array[]} content of a size that is not known yet */
const live = (id, ...content) =>
  join(uint(id, 4), Uint8Array.from([1, 255, 255, 255, 255, 255, 255, 255]), ...content);

/** @param {{ isLive?: boolean }} [how] */
export function webm({ isLive = false } = {}) {
  const info = element(
    0x1549a966,
    element(0x2ad7b1, uint(1_000_000, 3)),
    element(0x4461, bytes("2026MADE")),
    element(0x7ba9, bytes(SECRET)),
    element(0x4d80, bytes("muxer")),
    element(0xbf, uint(0, 4)),
    element(0x73a4, new Uint8Array(0)),
  );
  const cluster = (isLive ? live : element)(
    0x1f43b675,
    element(0xe7, uint(0, 1)),
    element(0xa3, bytes("PICTURE")),
  );
  const tags = element(0x1254c367, element(0x7373, bytes(SECRET.repeat(9))));
  const attachments = element(0x1941a469, bytes(SECRET));
  const head = element(0x1a45dfa3, element(0x4282, bytes("webm")));
  return join(
    head,
    (isLive ? live : element)(0x18538067, info, cluster, tags, cluster, attachments),
  );
}
