/**
 * Layers, banned sinks and size limits of frontend/js.
 *
 * Undefined names and types are the type checker's business (`tsc -p frontend`), layout is prettier's.
 */
import js from "@eslint/js";
import jsdoc from "eslint-plugin-jsdoc";

/** Who may import whom, besides itself; everything not listed is an error, `main.js` and `link.js` may import all. */
const MAY_IMPORT = {
  lib: [],
  protocol: ["lib"],
  crypto: ["lib"],
  storage: ["lib"],
  ui: ["lib"],
  net: ["lib", "protocol"],
  state: ["lib", "protocol"],
  session: ["lib", "protocol", "crypto", "storage", "net"],
  views: ["lib", "protocol", "session", "state", "ui"],
  workers: [],
};

/** Vendored code runs in a worker with a policy of its own, and nowhere else. */
const MAY_IMPORT_VENDOR = ["workers"];

const PACKAGE = { regex: "^[^./]", message: "The browser gets no packages; see frontend/vendor." };

/** @param {string} folder */
function layer(folder) {
  const allowed = [folder, ...MAY_IMPORT[folder]];
  const banned = Object.keys(MAY_IMPORT).filter((name) => !allowed.includes(name));
  const patterns = [
    PACKAGE,
    {
      regex: `^(\\.\\./)+(${banned.join("|")})/`,
      message: `${folder}/ may import ${allowed.join(", ")} only (house table in CONTRIBUTING.md).`,
    },
    { regex: "^(\\.\\./)+(main|link)\\.js$", message: "Nobody imports a composition root." },
  ];
  if (!MAY_IMPORT_VENDOR.includes(folder)) {
    patterns.push({ regex: "/vendor/", message: "Vendored code runs in workers/." });
  }
  return {
    files: [`frontend/js/${folder}/**/*.js`],
    rules: { "no-restricted-imports": ["error", { patterns }] },
  };
}

/** Sinks that turn text into markup or code; Trusted Types refuse them in the browser as well. */
const SINKS = [
  "innerHTML",
  "outerHTML",
  "insertAdjacentHTML",
  "srcdoc",
  "setHTMLUnsafe",
  "createContextualFragment",
  "execCommand",
];

const BANNED_PROPERTIES = [
  ...SINKS.map((property) => ({ property, message: "Build elements with h()." })),
  { object: "document", property: "write", message: "Build elements with h()." },
  { object: "document", property: "writeln", message: "Build elements with h()." },
];

const browserRules = {
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-script-url": "error",
  "no-console": "error",
  "no-restricted-imports": ["error", { patterns: [PACKAGE] }],
  "no-restricted-properties": ["error", ...BANNED_PROPERTIES],
  "no-restricted-syntax": [
    "error",
    { selector: "ExportDefaultDeclaration", message: "Named exports only." },
    { selector: 'ExportSpecifier[exported.name="default"]', message: "Named exports only." },
    {
      selector: 'AssignmentExpression > MemberExpression.left[object.name="window"]',
      message: "No globals.",
    },
  ],
  // Sizes are targets a reviewer argues from, so they warn.
  complexity: ["warn", 12],
  "max-depth": ["warn", 3],
  "max-lines": ["warn", 400],
  "max-lines-per-function": ["warn", { max: 60, skipBlankLines: true, skipComments: true }],
  "max-params": ["warn", 5],
};

/** Cryptography sees bytes; without these it runs unmodified under `node --test`. */
const NOT_IN_CRYPTO = [
  "document",
  "window",
  "fetch",
  "indexedDB",
  "localStorage",
  "sessionStorage",
  "WebSocket",
  "XMLHttpRequest",
  "navigator",
];

export default [
  { ignores: ["frontend/vendor/", "node_modules/", "build/", ".venv/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    rules: {
      "no-undef": "off",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
      "no-throw-literal": "error",
      "no-promise-executor-return": "error",
      "no-shadow": "error",
      "object-shorthand": "error",
      "no-warning-comments": "error",
    },
  },
  {
    files: ["frontend/**/*.js"],
    plugins: { jsdoc },
    settings: { jsdoc: { mode: "typescript" } },
    rules: {
      ...browserRules,
      "jsdoc/require-jsdoc": ["error", { publicOnly: true, checkConstructors: false }],
      "jsdoc/check-param-names": "error",
      "jsdoc/check-tag-names": ["error", { definedTags: ["import"], typed: false }],
      "jsdoc/check-alignment": "error",
      "jsdoc/no-bad-blocks": "error",
      "jsdoc/no-multi-asterisks": "error",
    },
  },
  ...Object.keys(MAY_IMPORT).map(layer),
  {
    files: ["frontend/js/crypto/**/*.js"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...NOT_IN_CRYPTO.map((name) => ({ name, message: "crypto/ sees nothing but bytes." })),
      ],
    },
  },
  {
    files: ["frontend/js/{crypto,session}/**/*.js"],
    rules: {
      "no-restricted-properties": [
        "error",
        ...BANNED_PROPERTIES,
        { object: "Math", property: "random", message: "Use crypto.getRandomValues." },
      ],
    },
  },
  {
    files: ["frontend/js/lib/log.js"],
    rules: { "no-console": "off" },
  },
];
