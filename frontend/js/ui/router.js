/**
 * Where the reader is, kept in the part of the address that never reaches the server (`#/chats/<room>`).
 */

/** @typedef {{ name: string, params: Record<string, string> }} Route */
/** @typedef {Record<string, string>} RouteTable name → pattern; a segment that starts with ":" is a parameter */

/**
 * @param {RouteTable} table
 * @param {string} hash
 * @returns {Route | null} null when no pattern fits or an escape is malformed
 */
export function parseRoute(table, hash) {
  const segments = decode(hash.replace(/^#?\/?/, "").split("/"));
  if (segments === null) return null;
  for (const [name, pattern] of Object.entries(table)) {
    const params = match(pattern.slice(1).split("/"), segments);
    if (params !== null) return { name, params };
  }
  return null;
}

/**
 * @param {RouteTable} table
 * @param {string} name
 * @param {Record<string, string>} [params]
 * @returns {string} for `href` or `location.hash`
 */
export function formatRoute(table, name, params = {}) {
  const pattern = table[name];
  if (pattern === undefined) throw new Error(`There is no route named ${name}`);
  return "#" + pattern.replace(/:(\w+)/g, (_, key) => encodeURIComponent(params[key] ?? ""));
}

/**
 * Follow the address bar.
 * @param {RouteTable} table
 * @param {(route: Route | null) => void} onChange called on back, forward and typed addresses as well as on `go`
 * @param {Window} [win]
 */
export function createRouter(table, onChange, win = window) {
  const announce = () => onChange(parseRoute(table, win.location.hash));
  win.addEventListener("hashchange", announce);
  return {
    current: () => parseRoute(table, win.location.hash),
    href: /** @param {string} name @param {Record<string, string>} [params] */ (name, params) =>
      formatRoute(table, name, params),
    /**
     * @param {string} name
     * @param {Record<string, string>} [params]
     * @param {{ replace?: boolean }} [options] replace: the page left is not one to come back to
     */
    go(name, params, { replace = false } = {}) {
      const hash = formatRoute(table, name, params);
      if (hash === win.location.hash) return;
      if (!replace) {
        win.location.hash = hash;
        return;
      }
      win.history.replaceState(null, "", hash);
      announce();
    },
    destroy: () => win.removeEventListener("hashchange", announce),
  };
}

/**
 * @param {string[]} pattern
 * @param {string[]} segments
 */
function match(pattern, segments) {
  if (pattern.length !== segments.length) return null;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, expected] of pattern.entries()) {
    const actual = segments[index] ?? "";
    if (!expected.startsWith(":")) {
      if (expected !== actual) return null;
    } else if (actual === "") return null;
    else params[expected.slice(1)] = actual;
  }
  return params;
}

/** @param {string[]} segments */
function decode(segments) {
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return null;
  }
}
