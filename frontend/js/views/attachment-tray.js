/** @import { Component } from "../ui/dom.js" */
/** @import { App } from "./types.js" */
/** @import { OutgoingFile } from "../session/types.js" */
/** @import { Prepared } from "./outgoing-file.js" */
import { FILES_PER_MESSAGE } from "../protocol/limits.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { fileNameLine } from "../ui/file-name.js";
import { formatBytes } from "../ui/format.js";
import { icon } from "../ui/icon.js";
import { plural, t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { askDiscard } from "./ask-discard.js";
import { prepareFile } from "./outgoing-file.js";
import { isMadeHere } from "./recordings.js";

/**
 * `asItIs`: to be sent with what it says beside its content.
 * @typedef {{ id: string, chosen: File, asItIs: boolean, ready: Promise<Prepared>, prepared: Prepared | null }} TrayItem
 */

/**
 * What is about to be sent. Each file is made ready as soon as it is chosen, one after the other, so that a phone never
 * holds more than one large picture.
 * @param {App} app
 * @param {object} options
 * @param {() => void} options.onChange files came or went
 * @param {(why: string) => void} options.onRefuse in words
 */
export function attachmentTray(app, { onChange, onRefuse }) {
  const el = h("ul", {
    class: "attachment-tray",
    "aria-label": t("attachment.tray"),
    "data-testid": "attachment-tray",
  });
  const list = keyedList(
    el,
    (/** @type {TrayItem} */ { id }) => id,
    (item) =>
      trayItem(item, {
        onRemove: () => void discard(item),
        onAsItIs: (asItIs) => prepareAnew(item.id, asItIs),
      }),
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

  /** @param {TrayItem} item */
  async function discard({ id, chosen }) {
    if (!isMadeHere(chosen) || (await askDiscard("recording"))) remove(id);
  }

  /** @param {File} file */
  function isTaken({ name, size }) {
    const largest = app.store.get().me?.terms?.fileBytes ?? Infinity;
    if (size > largest) onRefuse(t("attachment.too_large", { name, size: formatBytes(largest) }));
    return size <= largest;
  }

  /**
   * @param {File} chosen
   * @returns {TrayItem}
   */
  function begin(chosen) {
    return prepare({ id: crypto.randomUUID(), chosen, asItIs: false });
  }

  /**
   * @param {string} id
   * @param {boolean} asItIs
   */
  function prepareAnew(id, asItIs) {
    change(items.map((each) => (each.id === id ? prepare({ ...each, asItIs }) : each)));
  }

  /**
   * @param {Pick<TrayItem, "id" | "chosen" | "asItIs">} item
   * @returns {TrayItem} the same, not ready yet
   */
  function prepare({ id, chosen, asItIs }) {
    const ready = before.then(() => prepareFile(chosen, { asItIs }));
    before = ready.then(
      (prepared) => {
        items = items.map((each) => (each.ready === ready ? { ...each, prepared } : each));
        draw();
      },
      () => {
        remove(id);
        onRefuse(t("attachment.unreadable", { name: chosen.name }));
      },
    );
    return { id, chosen, asItIs, ready, prepared: null };
  }

  return {
    el,
    count: () => items.length,
    chosen: () => items.map((each) => each.chosen),
    sizeBytes: () =>
      items.reduce(
        (sum, { prepared, chosen }) => sum + (prepared?.outgoing.file ?? chosen).size,
        0,
      ),
    /** @param {readonly File[]} wanted those beyond the tenth are refused, and what the server would not take */
    add(wanted) {
      const files = wanted.filter(isTaken);
      const room = FILES_PER_MESSAGE - items.length;
      change([...items, ...files.slice(0, room).map(begin)]);
      if (files.length > room) onRefuse(plural("attachment.too_many", FILES_PER_MESSAGE));
    },
    /** @returns {Promise<OutgoingFile[] | null>} null when one of them could not be read, which has been said */
    async ready() {
      const all = await Promise.all(items.map(({ ready }) => ready)).catch(() => null);
      return all && all.map(({ outgoing }) => outgoing);
    },
    clear: () => change([]),
    /** @param {readonly OutgoingFile[]} files that were not sent */
    putBack(files) {
      const again = files.map((outgoing) => {
        // Whether it could be cleaned was said when it was chosen.
        const prepared = { outgoing, hasLost: false, note: null };
        const ready = Promise.resolve(prepared);
        const id = crypto.randomUUID();
        return { id, chosen: outgoing.file, asItIs: false, ready, prepared };
      });
      change([...again, ...items].slice(0, FILES_PER_MESSAGE));
    },
    destroy: list.destroy,
  };
}

/**
 * @param {TrayItem} first
 * @param {{ onRemove: () => void, onAsItIs: (asItIs: boolean) => void }} options
 * @returns {Component<TrayItem>}
 */
function trayItem({ id, chosen }, { onRemove, onAsItIs }) {
  const { name } = chosen;
  const called = fileNameLine();
  called.update(name);
  const size = h("span", { class: "caption muted" });
  const note = h("span", { id: `note-${id}`, class: "caption", role: "status" });
  const face = h("span", { class: "face" }, icon("file"));
  const label = t("attachment.remove", { name });
  const away = button({ label, icon: "close", iconOnly: true, kind: "quiet", onClick: onRemove });
  const asItIs = h("input", {
    type: "checkbox",
    "aria-describedby": note.id,
    "data-testid": "attachment-as-it-is",
    on: { change: () => onAsItIs(asItIs.checked) },
  });
  const wish = h(
    "label",
    { class: "caption wish", hidden: true },
    asItIs,
    t("attachment.keep_as_it_is"),
  );
  /** @type {string | null} */
  let url = null;
  return {
    el: h(
      "li",
      { class: "tray-item" },
      face,
      h("span", { class: "said" }, called.el, size, note, wish),
      away.el,
    ),
    update({ prepared }) {
      const outgoing = prepared?.outgoing;
      setText(size, outgoing ? formatBytes(outgoing.file.size) : t("attachment.preparing"));
      // While it is being prepared anew, the switch stays where it is.
      if (prepared === null) return;
      setText(note, noteWords(prepared));
      const isCareful = prepared.note === "may_tell_place";
      note.classList.toggle("careful", isCareful);
      note.classList.toggle("muted", !isCareful);
      wish.hidden = !prepared.hasLost;
      if (!outgoing?.thumb || url !== null) return;
      url = URL.createObjectURL(outgoing.thumb);
      face.replaceChildren(h("img", { src: url, alt: "" }));
    },
    destroy() {
      if (url !== null) URL.revokeObjectURL(url);
    },
  };
}

/** @param {Prepared} prepared */
function noteWords({ note, hasLost }) {
  if (note !== null) return t(`attachment.${note}`);
  return hasLost ? t("attachment.without_place") : "";
}
