/** One component, one file, one root class; meanings instead of colours; logical directions. */
const PHYSICAL = [
  "margin-left",
  "margin-right",
  "margin-top",
  "margin-bottom",
  "padding-left",
  "padding-right",
  "padding-top",
  "padding-bottom",
  "border-left",
  "border-right",
  "left",
  "right",
];

export default {
  extends: ["stylelint-config-standard"],
  ignoreFiles: ["frontend/vendor/**"],
  rules: {
    "selector-max-id": 0,
    "declaration-no-important": true,
    "max-nesting-depth": [2, { ignoreAtRules: ["layer", "media", "supports", "container"] }],
    "property-disallowed-list": [PHYSICAL, { message: "Use the logical property." }],
    "selector-class-pattern": [
      "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
      { message: "Class names are kebab-case." },
    ],
    "import-notation": null,
    // Safari knows these two by their prefixed names only.
    "property-no-vendor-prefix": [
      true,
      { ignoreProperties: ["-webkit-text-size-adjust", "-webkit-user-select"] },
    ],
    "at-rule-disallowed-list": ["import"],
    "no-descending-specificity": null,
    // Tokens come in two steps, palette and meaning, and in groups.
    "no-duplicate-selectors": null,
    "custom-property-empty-line-before": null,
  },
};
