/**
 * @param {string} text
 * @returns {Promise<boolean>} false when the browser refused: the caller then asks the reader to copy by hand
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
