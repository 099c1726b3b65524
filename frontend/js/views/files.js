/** @import { App, Screen } from "./types.js" */
/** @import { Route } from "../ui/router.js" */
import { Disposables } from "../lib/disposables.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { tabs } from "../ui/tabs.js";
import { dropTarget } from "./drop-target.js";
import { newTransfer } from "./new-transfer.js";
import { pastedFiles } from "./pasted-files.js";
import { receivedFiles } from "./received-files.js";
import { sealBench } from "./seal-bench.js";
import { sentFiles } from "./sent-files.js";

/** @typedef {{ el: HTMLElement, destroy: () => void }} Part */
/**
 * What stands under a tab.
 * @typedef {Part & {
 *   show?: (params: Record<string, string>) => void,
 *   canTake?: () => boolean,
 *   take?: (files: readonly File[]) => void,
 *   reveal?: (id: string) => void,
 * }} FilesTab `take` gets what was dropped or pasted; `reveal` leads the reader to a transfer
 */

/** @type {Readonly<Record<string, string>>} route name → tab, which is named after its first route */
const TABS = {
  files: "files",
  "files-sent": "files-sent",
  "files-new": "files-new",
  "files-new-for": "files-new",
  "files-seal": "files-seal",
};

/**
 * Files outside of rooms: what came, what went, sending more, and the bench that sends nothing. What stands under a tab
 * is made when it is first looked at and kept until one leaves, so nothing chosen or typed there is lost meanwhile.
 * @param {App} app
 * @returns {Screen}
 */
export function filesScreen(app) {
  const undo = new Disposables();
  const links = tabs({
    label: t("nav.files"),
    tabs: [...new Set(Object.values(TABS))].map((name) => ({
      name,
      href: app.router.href(name),
      label: t(`files.tab_${name}`),
      testId: `${name}-tab`,
    })),
  });
  const stage = h("div", { class: "stage" });
  const main = h(
    "div",
    { class: "files-screen pane-body" },
    h("div", { class: "column" }, h("h1", null, t("nav.files")), links.el, stage),
  );
  /** @type {Map<string, FilesTab>} */
  const made = new Map();
  /** @type {string | null} the transfer that the reader is to be led to */
  let fresh = null;
  /** @type {Route} */
  let route = { name: "", params: {} };

  /** @type {Readonly<Record<string, () => FilesTab>>} */
  const makers = {
    files: () => receivedFiles(app),
    "files-sent": () => sentFiles(app),
    "files-new": () => newTransfer(app, { onSent: sent }),
    "files-seal": () => sealBench(app),
  };

  /** @param {string} name @returns {FilesTab} */
  function tab(name) {
    const known = made.get(name);
    if (known !== undefined) return known;
    const next = /** @type {() => FilesTab} */ (makers[name])();
    next.el.hidden = true;
    made.set(name, next);
    stage.append(next.el);
    return next;
  }

  /** @param {string} id */
  function sent(id) {
    // Whoever has gone elsewhere meanwhile is left there.
    if (TABS[route.name] !== "files-new") return;
    fresh = id;
    app.router.go("files-sent");
  }

  /** What is dropped or pasted is to be sent, unless one stands at the bench. */
  const taker = () => (route.name === "files-seal" ? "files-seal" : "files-new");
  const canDrop = () =>
    tab(taker()).canTake?.() !== false && document.querySelector("dialog[open]") === null;

  /** @param {File[]} files */
  function take(files) {
    if (files.length === 0) return;
    if (TABS[route.name] !== taker()) app.router.go(taker());
    tab(taker()).take?.(files);
  }

  undo.add(dropTarget(main, { text: t("files.drop"), canDrop, onFiles: take }));
  undo.listen(document, "paste", (event) => canDrop() && take(pastedFiles(event)));
  undo.add(() => {
    route = { name: "", params: {} };
    for (const { destroy } of made.values()) destroy();
  });
  return {
    panes: { main },
    show(next) {
      const name = TABS[next.name] ?? "files";
      const hasMoved = next.name !== route.name || next.params["person"] !== route.params["person"];
      route = next;
      links.update({ active: name });
      const open = tab(name);
      for (const each of made.values()) each.el.hidden = each !== open;
      if (hasMoved) open.show?.(next.params);
      if (fresh !== null) open.reveal?.(fresh);
      fresh = null;
      return { pane: "main", layout: "page", details: false };
    },
    destroy: () => undo.dispose(),
  };
}
