/**
 * Take the files of a paste.
 * @param {ClipboardEvent} event
 * @returns {File[]} none when a text is meant: then the browser pastes that
 */
export function pastedFiles(event) {
  const data = event.clipboardData;
  // A table from an office program comes as text and as a picture of it; the text is what is meant.
  if (data === null || data.files.length === 0 || data.types.includes("text/plain")) return [];
  event.preventDefault();
  return [...data.files];
}
