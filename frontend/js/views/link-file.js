/** @import { Component } from "../ui/dom.js" */
/** @import { LinkItem } from "../state/link.js" */
/** @import { LinkVisit } from "./link-visit.js" */
import { createPace } from "../lib/pace.js";
import { isFetching } from "../state/link.js";
import { button } from "../ui/button.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { fileNameLine } from "../ui/file-name.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { linkItemWords } from "./link-words.js";
import { part } from "./transfer-words.js";

/** @typedef {{ item: LinkItem, isOver: boolean }} LinkFileModel `isOver`: nothing more can be fetched */

/**
 * One file of a link: its name, how far it is, the verdict, and what can be done with it.
 * @param {object} options
 * @param {number} options.index
 * @param {string} options.name
 * @param {LinkVisit} options.visit
 * @param {() => number} options.nowMs
 * @returns {Component<LinkFileModel>}
 */
export function linkFile({ index, name, visit, nowMs }) {
  const called = fileNameLine();
  called.update(name);
  const status = h("span", { class: "caption status", "data-testid": "link-file-status" });
  const bar = h("progress", { max: "1", "aria-label": t("attachment.progress", { name }) });
  const act = (
    /** @type {string} */ key,
    /** @type {string} */ mark,
    /** @type {() => void} */ on,
  ) =>
    button({
      label: t(key, { name }),
      icon: mark,
      iconOnly: true,
      kind: "quiet",
      testId: key.replace(/^.*\./, "link-"),
      onClick: on,
    });
  const fetch = act("link.get", "download", () => void visit.fetch(index));
  const again = act("link.retry", "refresh", () => void visit.fetch(index));
  const save = act("link.save", "download", () => void visit.fetch(index));
  const cancel = act("link.cancel", "close", () => visit.cancel(index));
  const el = h(
    "li",
    { class: "transfer-file", "data-testid": "link-file" },
    icon("file"),
    h("span", { class: "said" }, called.el, status),
    cancel.el,
    again.el,
    fetch.el,
    save.el,
    bar,
  );
  let pace = createPace();

  return {
    el,
    update({ item, isOver }) {
      const isMoving = isFetching(item);
      if (!isMoving) pace = createPace();
      const speed = isMoving ? pace(nowMs(), item.doneBytes, item.sizeBytes) : null;
      setText(status, linkItemWords(item, speed));
      setAttribute(el, "data-state", item.state);
      bar.hidden = !isMoving;
      setAttribute(bar, "value", part(item.doneBytes, item.sizeBytes));
      cancel.el.hidden = !isMoving;
      again.el.hidden = isOver || item.state !== "failed";
      fetch.el.hidden = isOver || item.state !== "waiting";
      save.el.hidden = isOver || item.state !== "done";
    },
    destroy() {},
  };
}
