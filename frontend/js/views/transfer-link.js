/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { SentTransfer } from "../session/types.js" */
import { button } from "../ui/button.js";
import { copyText } from "../ui/clipboard.js";
import { h, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";

const COMING = new Set(["preparing", "uploading", "paused"]);

/**
 * The link of a transfer, to be handed over, with what has to be said about it. Hidden where there is none any more.
 * @param {App} app
 * @returns {Component<SentTransfer>}
 */
export function transferLink(app) {
  const code = h("code", { dir: "ltr", class: "truncate", "data-testid": "transfer-link" });
  const copy = button({
    label: t("transfers.copy_link"),
    icon: "copy",
    testId: "transfer-copy",
    onClick: () => void copied(),
  });
  const share = button({
    label: t("transfers.share"),
    icon: "share",
    testId: "transfer-share",
    onClick: () => void shared(),
  });
  share.el.hidden = typeof navigator.share !== "function";
  const row = h("div", { class: "row" }, code, copy.el, share.el);
  const hint = h("p", { class: "caption muted" });
  const passphrase = h("p", { class: "caption muted" }, t("transfers.passphrase_too"));
  const numbers = h("p", { class: "numbers", dir: "ltr" });
  const fingerprint = h(
    "details",
    null,
    h("summary", { class: "small" }, t("transfers.fingerprint")),
    numbers,
    h("p", { class: "caption muted" }, t("transfers.fingerprint_text")),
  );
  const el = h("div", { class: "transfer-link" }, row, hint, passphrase, fingerprint);

  const address = () => code.textContent ?? "";

  async function copied() {
    const done = await copyText(address());
    app.toast(done ? { text: t("transfers.copied") } : { kind: "error", text: t("error.copy") });
  }

  async function shared() {
    // Whoever closes the sheet of the phone without choosing has changed their mind; nothing is to be said.
    await navigator.share({ url: address() }).catch(() => {});
  }

  return {
    el,
    update({ to, state, link, hasPassphrase, accepted, fingerprint: groups }) {
      const { kind } = to;
      const isOpen = state === "open";
      const isComing = COMING.has(state);
      // Once somebody has accepted, the link has done its work.
      el.hidden = kind === "person" || accepted || !(isOpen || isComing);
      row.hidden = link === null;
      setText(code, link === null || el.hidden ? "" : new URL(link, location.origin).href);
      const words = link === null ? (isComing ? "later" : "elsewhere") : kind;
      setText(hint, el.hidden ? "" : t(`transfers.link_${words}`));
      passphrase.hidden = !hasPassphrase;
      fingerprint.hidden = groups === null || !isOpen;
      setText(numbers, groups ?? "");
    },
    destroy() {
      code.textContent = "";
    },
  };
}
