/** @import { App } from "./types.js" */
import { Unsent } from "../ui/form.js";
import { h, setText } from "../ui/dom.js";
import { formatBytes } from "../ui/format.js";
import { icon } from "../ui/icon.js";
import { plural, t } from "../ui/i18n.js";
import { attachmentTray } from "./attachment-tray.js";
import { fileInput } from "./file-input.js";

/**
 * The files to be sent: chosen, or handed in when they were dropped or pasted; with what they come to.
 * @param {App} app
 */
export function transferFiles(app) {
  const problem = h("p", { class: "small problem-text", role: "alert", hidden: true });
  const tray = attachmentTray(app, {
    onChange: draw,
    onRefuse: (why) => app.toast({ kind: "error", text: why }),
  });
  const choose = fileInput(take, {
    label: t("transfers.choose"),
    icon: "plus",
    testId: "transfer-choose",
  });
  const total = h("p", { class: "caption muted", role: "status", "data-testid": "transfer-total" });
  const empty = h(
    "div",
    { class: "hint" },
    h("span", { class: "mark" }, icon("file", { size: "large" })),
    h("p", { class: "muted" }, t("transfers.choose_hint")),
  );
  const el = h(
    "section",
    { class: "transfer-files", "aria-label": t("transfers.files") },
    empty,
    tray.el,
    choose.el,
    total,
    problem,
    h("p", { class: "caption muted" }, t("transfers.cleaned")),
  );

  /** @param {readonly File[]} files */
  function take(files) {
    tray.add(files);
  }

  function draw() {
    const count = tray.count();
    empty.hidden = count > 0;
    if (count > 0) problem.hidden = true;
    const params = { size: formatBytes(tray.sizeBytes()) };
    setText(total, count === 0 ? "" : plural("transfers.total", count, params));
  }

  draw();
  return {
    el,
    take,
    /**
     * @returns {Promise<File[]>} as they will be sent
     * @throws {Unsent} when there are none, or one cannot be read, which is said
     */
    async require() {
      const ready = tray.count() === 0 ? [] : await tray.ready();
      if (ready === null) throw new Unsent();
      if (ready.length > 0) return ready.map(({ file }) => file);
      problem.hidden = false;
      setText(problem, t("transfers.none_chosen"));
      throw new Unsent();
    },
    clear: tray.clear,
    destroy: tray.destroy,
  };
}
