/**
 * Letters as one types them in a hurry: without case and without marks ("nguyen" finds Nguyễn, "duc" finds Đức).
 * @param {string} text
 */
export function plainText(text) {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/đ/giu, "d")
    .toLocaleLowerCase()
    .trim();
}
