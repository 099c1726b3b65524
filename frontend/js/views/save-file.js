/** How long the browser may take to begin reading what it saves. */
const KEPT_MS = 60_000;

/**
 * Let the browser save a file. Its type is withheld, so that no browser opens it instead (S-33).
 * @param {File} file
 * @param {string} name
 */
export function saveFile(file, name) {
  const url = URL.createObjectURL(file.slice(0, file.size, "application/octet-stream"));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
