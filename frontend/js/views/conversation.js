/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { RoomItem } from "../session/types.js" */
import { Disposables } from "../lib/disposables.js";
import { newerLoaded, olderLoaded, pageOpened, roomClosed } from "../state/messages.js";
import { emptyState } from "../ui/empty-state.js";
import { h, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { skeleton } from "../ui/skeleton.js";
import { act } from "./act.js";
import { composer } from "./composer.js";
import { identityChange } from "./identity-change.js";
import { messageList } from "./message-list.js";
import { roomExpiry } from "./room-expiry.js";
import { roomHeader } from "./room-header.js";

/**
 * One open conversation. Its decrypted rows are in the store only while it is open.
 * @param {App} app
 * @param {RoomItem} first
 * @returns {Component<RoomItem>}
 */
export function conversation(app, first) {
  const undo = new Disposables();
  const room = first.id;
  const firstUnreadSeq = first.unread > 0 ? first.firstUnreadSeq : null;
  let item = first;
  let seen = 0;
  let isPaging = false;

  const header = roomHeader(app, first);
  const expiry = roomExpiry(app);
  const change = identityChange(app, first.peer);
  const list = messageList({
    nowMs: app.nowMs,
    nameOf: (user) => (user === item.peer.id ? item.peer.displayName : t("chat.you")),
    onRetry: (key) => void act(app, "retryMessage", { room, key }),
    onDiscard: (key) => void act(app, "discardMessage", { room, key }, t("message.discarded")),
    onOlder: () => void page("older"),
    onNewer: () => void page("newer"),
    onNewest: () => void open({}),
    onSeen,
  });
  const write = composer(app, { room: first, onSent: () => jumpToEnd() });
  const typing = h("p", { class: "typing caption muted", "data-testid": "typing-indicator" });
  const waiting = skeleton({ rows: 6, avatars: false });
  const empty = emptyState({ icon: "lock", title: "", text: t("chat.empty_text") });
  const el = h(
    "section",
    { class: "conversation" },
    header.el,
    expiry.el,
    waiting,
    empty,
    list.el,
    typing,
    change.el,
    write.el,
  );

  /** @param {{ around?: number }} where */
  async function open(where) {
    const opened = await act(app, "messages", { room, ...where });
    if (opened !== null) app.store.set(pageOpened, room, opened);
  }

  /** @param {"older" | "newer"} direction */
  async function page(direction) {
    const rows = app.store.get().messages[room]?.rows ?? [];
    const edge = direction === "older" ? rows[0] : rows.at(-1);
    if (isPaging || edge === undefined) return;
    isPaging = true;
    const where = direction === "older" ? { before: edge.order } : { after: edge.order };
    const loaded = await act(app, "messages", { room, ...where });
    isPaging = false;
    if (loaded === null) return;
    app.store.set(direction === "older" ? olderLoaded : newerLoaded, room, loaded);
  }

  function jumpToEnd() {
    if (app.store.get().messages[room]?.hasNewer) void open({});
  }

  /** @param {number} seq */
  function onSeen(seq) {
    if (seq <= seen || document.visibilityState !== "visible") return;
    seen = seq;
    void app.engine.call("markRead", { room, seq }).catch(() => undefined);
  }

  function drawRows() {
    const known = app.store.get().messages[room];
    waiting.hidden = known !== undefined;
    empty.hidden = known === undefined || known.rows.length > 0;
    list.el.hidden = known === undefined || known.rows.length === 0;
    if (known !== undefined) list.update({ conversation: known, firstUnreadSeq });
  }

  undo.add(app.store.subscribe((state) => state.messages[room], drawRows));
  undo.add(
    app.store.subscribe(
      (state) => state.connection,
      (connection) => write.update({ room: item, connection }),
    ),
  );
  // What came in while the page was out of sight counts as read once it is looked at.
  undo.listen(document, "visibilitychange", drawRows);
  for (const part of [header, expiry, change, list, write]) undo.add(part.destroy);
  undo.add(() => app.store.set(roomClosed, room));
  void open(firstUnreadSeq === null ? {} : { around: firstUnreadSeq });

  return {
    el,
    update(next) {
      item = next;
      const { peer } = next;
      header.update(next);
      expiry.update(next);
      change.update(peer);
      change.el.hidden = !peer.identity.startsWith("changed");
      write.update({ room: next, connection: app.store.get().connection });
      setText(typing, next.typing ? t("chat.typing", { name: peer.displayName }) : "");
      typing.hidden = !next.typing;
      const title = empty.querySelector("h2");
      if (title !== null) setText(title, t("chat.empty_title", { name: peer.displayName }));
    },
    destroy: () => undo.dispose(),
  };
}
