/**
 * Files of a message in words.
 */

/** @import { Attachment } from "../session/types.js" */
import { formatBytes, formatDuration, formatPercent } from "../ui/format.js";
import { plural, t } from "../ui/i18n.js";
import { codeText } from "./error-text.js";

/** @type {Readonly<Record<Attachment["show"], string>>} */
export const FILE_ICONS = {
  image: "image",
  video: "video",
  audio: "music",
  voice: "mic",
  file: "file",
};

/**
 * @param {Attachment} file
 * @param {string} name of whoever sent it
 * @returns {string} how large it is, how far it is, or what was found out about it
 */
export function stateWords(file, name) {
  const { state, size, doneBytes, failure } = file;
  const percent = formatPercent(size === 0 ? 0 : Math.min(1, doneBytes / size));
  if (state === "failed") return codeText(failure ?? "internal");
  if (state === "here") return sizeWords(file);
  return t(`attachment.${state}`, { name, percent, size: formatBytes(size) });
}

/**
 * @param {Attachment} file
 * @returns {string} "3.4 MB", with its length before it when it has one
 */
export function sizeWords({ size, durationMs }) {
  if (durationMs === null) return formatBytes(size);
  return `${formatDuration(durationMs)} · ${formatBytes(size)}`;
}

/**
 * @param {readonly Attachment[]} files at least one
 * @returns {string} one line: "Photo", "3 photos", "Voice message 0:12", a name, "4 files"
 */
export function filesLine(files) {
  const [first] = files;
  if (first === undefined) return "";
  if (files.length > 1) {
    return files.every(({ show }) => show === "image")
      ? plural("attachment.photos", files.length)
      : plural("attachment.files", files.length);
  }
  if (first.show === "image") return t("attachment.photo");
  if (first.show === "video") return t("attachment.video");
  if (first.show === "voice") {
    return t("attachment.voice", { duration: formatDuration(first.durationMs ?? 0) });
  }
  return first.name;
}

/**
 * @param {readonly Attachment[]} files
 * @returns {string} an icon: of what they are, when they are all the same
 */
export function lineIcon(files) {
  const [first] = files;
  const isSame = files.every(({ show }) => show === first?.show);
  return FILE_ICONS[isSame && first !== undefined ? first.show : "file"];
}
