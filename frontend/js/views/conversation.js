/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { MessageRow, RoomItem } from "../session/types.js" */
/** @import { Picture } from "./gallery.js" */
import { Disposables } from "../lib/disposables.js";
import { readerMoved } from "../state/messages.js";
import { button } from "../ui/button.js";
import { emptyState } from "../ui/empty-state.js";
import { h, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { skeleton } from "../ui/skeleton.js";
import { act } from "./act.js";
import { announcer } from "./announcer.js";
import { askDiscard } from "./ask-discard.js";
import { composer } from "./composer.js";
import { dropTarget } from "./drop-target.js";
import { openGallery } from "./gallery.js";
import { identityChange } from "./identity-change.js";
import { messageList } from "./message-list.js";
import { messagePages } from "./message-pages.js";
import { keepPlace, placeIn } from "./reading-place.js";
import { roomExpiry } from "./room-expiry.js";
import { roomHeader } from "./room-header.js";

/** Before the first row of every room. */
const BEGINNING = -1;

/**
 * One open conversation. Its decrypted rows are in the store only while it is open.
 * @param {App} app
 * @param {RoomItem} first
 * @returns {Component<RoomItem> & { focus: (target: "input" | "name" | "details") => void }}
 */
export function conversation(app, first) {
  const undo = new Disposables();
  const room = first.id;
  const place = placeIn(room);
  const firstUnreadSeq = first.unread > 0 ? first.firstUnreadSeq : null;
  let item = first;
  let seen = 0;

  const pages = messagePages(app, room);
  const header = roomHeader(app, first);
  const expiry = roomExpiry(app);
  const change = identityChange(app, first.peer);
  const list = messageList({
    nowMs: app.nowMs,
    nameOf: (user) => (user === item.peer.id ? item.peer.displayName : t("chat.you")),
    onRetry: (key) => void act(app, "retryMessage", { room, key }),
    onDiscard: (key) => void discard(key),
    onFetch: fetchFile,
    onEnlarge: enlarge,
    onPause: (key, on) => void act(app, "pauseAttachment", { room, key, on }),
    onCancel: (key, index) => void cancel(key, index),
    listen: (fn) => app.engine.on("attachmentProgress", fn),
    onOlder: () => void pages.extend("older"),
    onNewer: () => void pages.extend("newer"),
    onOldest: () => void pages.open({ after: BEGINNING }),
    onNewest: () => void pages.open({}),
    onFollow: (follows) => app.store.set(readerMoved, room, follows),
    onSeen,
  });
  const said = announcer();
  const write = composer(app, { room: first, onSend: list.toEnd });
  const typing = h("p", { class: "typing caption muted", "data-testid": "typing-indicator" }, "…");
  const waiting = skeleton({ rows: 6, avatars: false });
  const empty = emptyState({ icon: "lock", title: "", text: t("chat.empty_text") });
  const again = button({ label: t("halted.again"), onClick: () => void begin() });
  const failed = emptyState({ icon: "alert", title: t("chat.failed"), body: [again.el] });
  const el = h(
    "section",
    { class: "conversation" },
    header.el,
    expiry.el,
    waiting,
    failed,
    empty,
    list.el,
    said.el,
    typing,
    change.el,
    write.el,
  );

  async function begin() {
    const around = place?.order ?? firstUnreadSeq;
    failed.hidden = true;
    failed.hidden = await pages.open(around === null ? {} : { around });
    drawRows();
  }

  /**
   * @param {string} key
   * @param {number} index
   */
  async function fetchFile(key, index) {
    const { file } = await app.engine.call("fetchAttachment", { room, key, index });
    return file;
  }

  /**
   * @param {string} key
   * @param {number} index
   */
  function enlarge(key, index) {
    const pictures = picturesOf(app.store.get().messages[room]?.rows ?? []);
    const at = pictures.findIndex((each) => each.key === key && each.index === index);
    if (at < 0) return;
    undo.add(openGallery({ pictures, at, fetch: (each) => fetchFile(each.key, each.index) }));
  }

  /** @param {string} key */
  function rowOf(key) {
    return app.store.get().messages[room]?.rows.find((each) => each.key === key);
  }

  /**
   * @param {string} key
   * @param {number} index
   */
  async function cancel(key, index) {
    if (rowOf(key)?.state === "pending" && !(await askDiscard("sending"))) return;
    await act(app, "cancelAttachment", { room, key, index });
  }

  /** @param {string} key */
  async function discard(key) {
    const row = rowOf(key);
    if (row?.kind === "files" && !(await askDiscard("files"))) return;
    const done = await act(app, "discardMessage", { room, key });
    if (done === null || row?.kind !== "text") return;
    const undoing = { label: t("action.undo"), onAction: () => write.putBack(row.text) };
    app.toast({
      text: t("message.discarded"),
      ...(write.canWrite() ? { action: undoing } : {}),
    });
  }

  /** @param {number} seq */
  function onSeen(seq) {
    if (seq <= seen || document.visibilityState !== "visible") return;
    seen = seq;
    void app.engine.call("markRead", { room, seq }).catch(() => undefined);
  }

  function drawRows() {
    const known = app.store.get().messages[room];
    const count = known?.rows.length ?? 0;
    waiting.hidden = known !== undefined || !failed.hidden;
    empty.hidden = known === undefined || count > 0;
    list.el.hidden = count === 0;
    if (known === undefined) return;
    list.update({ conversation: known, firstUnreadSeq, unread: item.unread, place });
  }

  function leave() {
    const isLoaded = app.store.get().messages[room] !== undefined;
    if (isLoaded) keepPlace(room, list.place());
  }

  undo.add(app.store.subscribe((state) => state.messages[room], drawRows));
  undo.add(
    app.store.subscribe(
      (state) => state.connection,
      (connection) => write.update({ room: item, connection }),
    ),
  );
  undo.add(
    app.engine.on("messages", (news) => {
      if (news.room === room) said.heard(news.rows, item.peer.displayName);
    }),
  );
  // What came in while the page was out of sight counts as read once it is looked at.
  undo.listen(document, "visibilitychange", drawRows);
  undo.listen(window, "pagehide", leave);
  for (const part of [header, expiry, change, list, write]) undo.add(part.destroy);
  undo.add(dropTarget(el, { canDrop: write.canWrite, onFiles: write.attach }));
  undo.add(pages.close);
  undo.add(leave);
  void begin();

  return {
    el,
    focus(target) {
      if (target === "input" && write.canWrite()) write.focus();
      else header.focus(target === "details" ? "details" : "name");
    },
    update(next) {
      item = next;
      const { peer } = next;
      header.update(next);
      expiry.update(next);
      change.update(peer);
      change.el.hidden = !peer.identity.startsWith("changed");
      write.update({ room: next, connection: app.store.get().connection });
      if (next.typing) setText(typing, t("chat.typing", { name: peer.displayName }));
      typing.dataset["shown"] = String(next.typing);
      const title = empty.querySelector("h2");
      if (title !== null) setText(title, t("chat.empty_title", { name: peer.displayName }));
      drawRows();
    },
    destroy: () => undo.dispose(),
  };
}

/**
 * @param {readonly MessageRow[]} rows
 * @returns {Picture[]} and films, those that can be shown, in the order of the conversation
 */
function picturesOf(rows) {
  return rows.flatMap((row) => {
    const files = row.kind === "files" ? row.files : [];
    return files
      .filter(({ show }) => show === "image" || show === "video")
      .filter(({ state }) => state === "here" || state === "intact")
      .map((file) => ({ ...file, key: row.key }));
  });
}
