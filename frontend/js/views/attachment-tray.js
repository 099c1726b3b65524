/** @import { Component } from "../ui/dom.js" */
/** @import { OutgoingFile } from "../session/types.js" */
import { FILES_PER_MESSAGE } from "../protocol/limits.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { formatBytes } from "../ui/format.js";
import { icon } from "../ui/icon.js";
import { plural, t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { prepareFile } from "./outgoing-file.js";

/** @typedef {{ id: string, chosen: File, ready: Promise<OutgoingFile>, prepared: OutgoingFile | null }} TrayItem */

/**
 * What is about to be sent. Each file is made ready as soon as it is chosen, one after the other, so that a phone never
 * holds more than one large picture.
 * @param {object} options
 * @param {() => void} options.onChange files came or went
 * @param {(why: string) => void} options.onRefuse in words
 */
export function attachmentTray({ onChange, onRefuse }) {
  const el = h("ul", {
    class: "attachment-tray",
    "aria-label": t("attachment.tray"),
    "data-testid": "attachment-tray",
  });
  const list = keyedList(
    el,
    (/** @type {TrayItem} */ { id }) => id,
    (item) => trayItem(item, () => remove(item.id)),
  );
  /** @type {TrayItem[]} */
  let items = [];
  /** @type {Promise<unknown>} */
  let before = Promise.resolve();
  draw();

  function draw() {
    el.hidden = items.length === 0;
    list.update(items);
  }

  /** @param {TrayItem[]} next */
  function change(next) {
    items = next;
    draw();
    onChange();
  }

  /** @param {string} id */
  function remove(id) {
    change(items.filter((each) => each.id !== id));
  }

  /** @param {File} chosen */
  function begin(chosen) {
    const id = crypto.randomUUID();
    const ready = before.then(() => prepareFile(chosen));
    before = ready.then(
      (prepared) => {
        items = items.map((each) => (each.id === id ? { ...each, prepared } : each));
        draw();
      },
      () => {
        remove(id);
        onRefuse(t("error.file_changed"));
      },
    );
    return { id, chosen, ready, prepared: null };
  }

  return {
    el,
    count: () => items.length,
    /** @param {readonly File[]} files those beyond the tenth are refused */
    add(files) {
      const room = FILES_PER_MESSAGE - items.length;
      change([...items, ...files.slice(0, room).map(begin)]);
      if (files.length > room) onRefuse(plural("attachment.too_many", FILES_PER_MESSAGE));
    },
    /** @returns {Promise<OutgoingFile[] | null>} null when one of them could not be read, which has been said */
    ready() {
      return Promise.all(items.map(({ ready }) => ready)).catch(() => null);
    },
    clear: () => change([]),
    /** @param {readonly OutgoingFile[]} files that were not sent */
    putBack(files) {
      const again = files.map((prepared) => ({
        id: crypto.randomUUID(),
        chosen: prepared.file,
        ready: Promise.resolve(prepared),
        prepared,
      }));
      change([...again, ...items].slice(0, FILES_PER_MESSAGE));
    },
    destroy: list.destroy,
  };
}

/**
 * @param {TrayItem} first
 * @param {() => void} onRemove
 * @returns {Component<TrayItem>}
 */
function trayItem({ chosen }, onRemove) {
  const { name } = chosen;
  const size = h("span", { class: "caption muted" });
  const face = h("span", { class: "face" }, icon("file"));
  const label = t("attachment.remove", { name });
  const away = button({ label, icon: "close", iconOnly: true, kind: "quiet", onClick: onRemove });
  /** @type {string | null} */
  let url = null;
  return {
    el: h(
      "li",
      { class: "tray-item" },
      face,
      h(
        "span",
        { class: "said" },
        h("span", { class: "truncate small", title: name }, h("bdi", null, name)),
        size,
      ),
      away.el,
    ),
    update({ prepared }) {
      setText(
        size,
        prepared === null ? t("attachment.preparing") : formatBytes(prepared.file.size),
      );
      if (!prepared?.thumb || url !== null) return;
      url = URL.createObjectURL(prepared.thumb);
      face.replaceChildren(h("img", { src: url, alt: "" }));
    },
    destroy() {
      if (url !== null) URL.revokeObjectURL(url);
    },
  };
}
