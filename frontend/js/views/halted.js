/** @import { AccountScreen } from "./types.js" */
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { skeleton } from "../ui/skeleton.js";
import { t } from "../ui/i18n.js";
import { accountFrame, brand } from "./account-frame.js";

const LONG_MS = 4_000;

/**
 * While the keys are being opened; shows something only when that takes longer than an eye notices, and says
 * something when another tab may be in the way.
 * @returns {AccountScreen}
 */
export function starting() {
  const words = h("p", { class: "muted", role: "status" });
  const timer = setTimeout(() => setText(words, t("halted.starting_long")), LONG_MS);
  const column = h("div", { class: "column" }, skeleton({ rows: 3 }), words);
  return {
    el: h("main", { class: "account-frame" }, column),
    destroy: () => clearTimeout(timer),
  };
}

/**
 * The page cannot go on: this browser lacks something, or the engine did not start.
 * @param {{ phase: "broken", code: string } | { phase: "unsupported", reason: string }} why
 * @returns {AccountScreen}
 */
export function halted(why) {
  const broken = why.phase === "broken";
  const again = button({
    label: t("halted.again"),
    kind: "primary",
    icon: "refresh",
    onClick: () => location.reload(),
  });
  const el = accountFrame({
    title: t(broken ? "halted.broken_title" : "halted.unsupported_title"),
    text: broken
      ? t("halted.broken_text", { code: why.code })
      : t(`halted.unsupported_${why.reason}`),
    body: [h("div", { class: "ways" }, again.el)],
  });
  el.querySelector(".column > header")?.append(brand());
  return { el, destroy() {} };
}
