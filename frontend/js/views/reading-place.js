/**
 * Where somebody was reading, for coming back: from another conversation, another destination, or a reload. Numbers only,
 * kept by the tab; whoever reads the newest row needs no place.
 */

/** @typedef {{ order: number, offsetPx: number }} Place  a row, and how far below the upper edge it stood */

const KEY = "sealroom.places";

/**
 * @param {string} room
 * @returns {Place | null}
 */
export function placeIn(room) {
  const place = read()[room];
  return place !== undefined && Number.isFinite(place.order + place.offsetPx) ? place : null;
}

/**
 * @param {string} room
 * @param {Place | null} place
 */
export function keepPlace(room, place) {
  const { [room]: _, ...others } = read();
  write(place === null ? others : { ...others, [room]: place });
}

/** Whoever logs out leaves nothing behind. */
export function forgetPlaces() {
  write({});
}

/** @returns {Record<string, Place>} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Record<string, Place>} places */
function write(places) {
  try {
    if (Object.keys(places).length === 0) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(places));
  } catch {
    // A browser without storage begins at the newest row, as on a first visit.
  }
}
