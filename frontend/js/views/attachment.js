/** @import { Component } from "../ui/dom.js" */
/** @import { Attachment, MessageRow } from "../session/types.js" */
import { Disposables } from "../lib/disposables.js";
import { button } from "../ui/button.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { fileNameLine } from "../ui/file-name.js";
import { t } from "../ui/i18n.js";
import { icon } from "../ui/icon.js";
import { attachmentMedia } from "./attachment-media.js";
import { FILE_ICONS, sizeWords, stateWords } from "./attachment-words.js";
import { errorCode } from "./error-text.js";
import { isReadable } from "./media-player.js";
import { saveFile } from "./save-file.js";

/** A picture up to this size is fetched as soon as it is looked at; anything else when it is asked for. */
const FETCHED_UNASKED_BYTES = 5_000_000;
const ON_ITS_WAY = new Set(["waiting", "sending", "paused", "queued", "fetching"]);
const UPLOADING = new Set(["waiting", "sending", "paused"]);
const REFUSED = new Set(["damaged", "wrong-sender", "gone"]);

/**
 * @typedef {object} FileContext
 * @property {(user: string) => string} nameOf
 * @property {(key: string, index: number) => Promise<File>} onFetch rejects with AppError
 * @property {(key: string, index: number) => void} onEnlarge
 * @property {(key: string, on: boolean) => void} onPause
 * @property {(key: string, index: number) => void} onCancel
 * @property {(fn: (progress: { key: string, index: number, doneBytes: number }) => void) => () => void} listen
 */

/**
 * One file of a message: what it is, how far it is, who it proved to be from, and what can be done with it. Nothing of it
 * is shown or saved before the engine has verified it; the small picture before that is what the sender says it shows.
 * @param {FileContext} context
 * @param {MessageRow} row
 * @param {Attachment} first
 * @returns {Component<Attachment>}
 */
export function attachment(context, { key, mine, sender }, first) {
  const undo = new Disposables();
  const { index, name, show } = first;
  const from = mine ? t("attachment.you") : context.nameOf(sender);
  let model = first;
  /** @type {File | null} verified */
  let file = null;
  let isFetching = false;

  const media = attachmentMedia(first, {
    onOpen: () => void open(),
    onEnlarge: () => context.onEnlarge(key, index),
    onBroken: fetchAgain,
  });
  const called = fileNameLine();
  called.update(name);
  const status = h("span", { class: "caption status" });
  const bar = h("progress", { max: "1", "aria-label": t("attachment.progress", { name }) });
  const pause = small("pause", t("attachment.pause", { name }), () => context.onPause(key, true));
  const go = small("play", t("attachment.go_on", { name }), () => context.onPause(key, false));
  const cancel = small("close", t("attachment.cancel", { name }), () =>
    context.onCancel(key, index),
  );
  const save = small("download", t("attachment.download", { name }), () => void download());
  save.el.dataset["testid"] = "attachment-download";
  const el = h(
    "div",
    { class: "attachment", "data-show": show, "data-testid": "attachment" },
    media.el,
    h(
      "div",
      { class: "about" },
      icon(FILE_ICONS[show]),
      h("span", { class: "said" }, called.el, status),
      pause.el,
      go.el,
      cancel.el,
      save.el,
    ),
    bar,
  );

  /** @returns {Promise<File | null>} null when it failed, which is said */
  async function fetchFile() {
    if (isFetching) return file;
    isFetching = true;
    try {
      if (file !== null && !(await isReadable(file))) file = null;
      file ??= await context.onFetch(key, index);
    } catch (error) {
      if (!REFUSED.has(model.state) && errorCode(error) !== "cancelled") {
        model = { ...model, state: "failed", failure: errorCode(error) };
      }
    }
    isFetching = false;
    draw();
    return file;
  }

  /** @returns {Promise<File | null>} null as well when the one there is can be read */
  async function fetchAgain() {
    return file !== null && (await isReadable(file)) ? null : fetchFile();
  }

  async function open() {
    const fetched = await fetchFile();
    if (fetched !== null && !undone) media.show(fetched);
  }

  async function download() {
    const fetched = await fetchFile();
    if (fetched !== null) saveFile(fetched, name);
  }

  function draw() {
    const { state, size, doneBytes } = model;
    const isBusy = ON_ITS_WAY.has(state);
    // Why an own message was not sent is said below it, once.
    setText(status, mine && state === "failed" ? sizeWords(model) : stateWords(model, from));
    setAttribute(status, "data-state", state);
    setAttribute(el, "data-verdict", UPLOADING.has(state) ? "pending" : verdictOf(state));
    bar.hidden = !isBusy;
    setAttribute(bar, "value", size === 0 ? 0 : Math.min(1, doneBytes / size));
    pause.el.hidden = state !== "waiting" && state !== "sending";
    go.el.hidden = state !== "paused";
    cancel.el.hidden = !isBusy;
    save.el.hidden = isBusy || REFUSED.has(state) || (mine && state === "failed");
    media.update(isBusy ? "closed" : "open");
    // What the sender says it shows is worth nothing once the file was refused.
    if (media.el !== null && REFUSED.has(state)) media.el.hidden = true;
  }

  function seen() {
    const isHere = model.state === "here" || model.state === "intact";
    if (isHere && show === "image" && model.size <= FETCHED_UNASKED_BYTES) void open();
  }

  let undone = false;
  let isSeen = false;
  const watch = new IntersectionObserver((entries) => {
    isSeen = entries.some(({ isIntersecting }) => isIntersecting);
    if (isSeen) seen();
  });
  watch.observe(el);
  undo.add(() => watch.disconnect());
  undo.add(
    context.listen((news) => {
      if (news.key !== key || news.index !== index) return;
      model = { ...model, doneBytes: news.doneBytes };
      draw();
    }),
  );
  undo.add(media.destroy);
  undo.add(() => {
    undone = true;
    file = null;
  });

  return {
    el,
    update(next) {
      const isNew = next.state !== model.state;
      model = next;
      draw();
      if (isNew && isSeen) seen();
    },
    destroy: () => undo.dispose(),
  };
}

/** @param {Attachment["state"]} state */
function verdictOf(state) {
  return state === "queued" || state === "fetching" ? "here" : state;
}

/**
 * @param {string} name of an icon
 * @param {string} label
 * @param {() => void} onClick
 */
function small(name, label, onClick) {
  return button({ label, icon: name, iconOnly: true, kind: "quiet", onClick });
}
