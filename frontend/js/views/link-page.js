/** @import { Child } from "../ui/dom.js" */
/** @import { Halt, LinkState } from "../state/link.js" */
/** @import { Store } from "../state/store.js" */
/** @import { LinkVisit } from "./link-visit.js" */
import { Disposables } from "../lib/disposables.js";
import { isFetching } from "../state/link.js";
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { skeleton } from "../ui/skeleton.js";
import { accountFrame, brand } from "./account-frame.js";
import { codeText } from "./error-text.js";
import { linkContent } from "./link-content.js";
import { linkPassphrase } from "./link-passphrase.js";

/** @typedef {{ el: HTMLElement, update: (state: LinkState) => void, destroy: () => void }} Stage */
/** @typedef {(locale: "en" | "vi") => Promise<void>} Speak */

/**
 * The page of a link, for whoever has it: what it holds and from whom, before the first byte is fetched.
 * @param {object} options
 * @param {Store<LinkState>} options.store
 * @param {LinkVisit} options.visit
 * @param {Speak} options.speak
 * @param {() => number} options.nowMs
 * @returns {{ el: HTMLElement, destroy: () => void }}
 */
export function linkPage({ store, visit, speak, nowMs }) {
  const undo = new Disposables();
  const el = h("div", { class: "link-page" });
  /** @type {Stage | null} */
  let stage = null;

  /** @param {LinkState["phase"]} phase */
  function stageOf(phase) {
    if (phase === "ready") return linkContent({ state: store.get(), visit, nowMs });
    if (phase === "passphrase") return passphraseStage(visit);
    if (phase === "loading") return loadingStage();
    return haltedStage(phase, store.get().code, visit);
  }

  undo.add(
    store.subscribe(
      (state) => state.phase,
      (phase) => {
        const isFirst = stage === null;
        stage?.destroy();
        stage = stageOf(phase);
        stage.el.querySelector("header")?.append(brand());
        el.replaceChildren(stage.el, about(speak));
        el.dataset["phase"] = phase;
        if (!isFirst) el.querySelector("h1")?.focus({ preventScroll: true });
      },
    ),
  );
  undo.add(
    store.subscribe(
      (state) => state,
      (state) => stage?.update(state),
    ),
  );
  // What was fetched so far would be lost, and the page could not open the link again by itself.
  undo.listen(globalThis, "beforeunload", (event) => {
    if (store.get().items.some(isFetching)) event.preventDefault();
  });
  undo.add(() => stage?.destroy());
  return { el, destroy: () => undo.dispose() };
}

/** @returns {Stage} */
function loadingStage() {
  const frame = accountFrame({
    title: t("link.loading"),
    body: [skeleton({ rows: 3, avatars: false })],
  });
  return { el: frame, update() {}, destroy() {} };
}

/**
 * @param {LinkVisit} visit
 * @returns {Stage}
 */
function passphraseStage(visit) {
  const { el, update, destroy } = linkPassphrase(visit.open);
  const text = t("link.passphrase_text");
  return {
    el: accountFrame({ title: t("link.passphrase_title"), text, body: [el] }),
    update,
    destroy,
  };
}

/**
 * @param {Halt} phase
 * @param {string | null} code
 * @param {LinkVisit} visit
 * @returns {Stage}
 */
function haltedStage(phase, code, visit) {
  const isPassing = phase === "failed";
  const again = button({
    label: t("halted.again"),
    kind: "primary",
    icon: "refresh",
    testId: "link-again",
    onClick: () => void visit.begin(),
  });
  const el = accountFrame({
    title: t(`link.halted_${phase}`),
    text: isPassing ? codeText(code ?? "internal") : t(`link.halted_${phase}_text`),
    body: isPassing ? [h("div", { class: "ways" }, again.el)] : [],
  });
  return { el, update() {}, destroy() {} };
}

/**
 * What this is, for somebody who has never heard of it, and the other language.
 * @param {Speak} speak
 * @returns {HTMLElement}
 */
function about(speak) {
  const other = t("language.other_code") === "vi" ? "vi" : "en";
  return h(
    "footer",
    { class: "link-about caption muted" },
    h("p", null, t("link.about"), " ", h("a", { href: "/" }, t("link.about_more"))),
    h(
      "button",
      { class: "language", type: "button", lang: other, on: { click: () => void speak(other) } },
      icon("globe", { size: "small" }),
      t("language.other_name"),
    ),
  );
}
