/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { TransferLists } from "../session/types.js" */
import { Disposables } from "../lib/disposables.js";
import { emptyState } from "../ui/empty-state.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { skeleton } from "../ui/skeleton.js";

const MINUTE_MS = 60_000;

/**
 * Transfers one below the other, with what stands there while there are none or while they are not known yet.
 * @template {{ id: string }} Transfer
 * @param {App} app
 * @param {object} options
 * @param {string} options.testId
 * @param {string} options.label
 * @param {HTMLElement} options.nothing
 * @param {(lists: NonNullable<TransferLists>) => readonly Transfer[]} options.pick
 * @param {(transfer: Transfer) => Component<Transfer>} options.create
 */
export function transferList(app, { testId, label, nothing, pick, create }) {
  const undo = new Disposables();
  const waiting = skeleton({ rows: 3 });
  const away = emptyState({
    icon: "wifi-off",
    title: t("transfers.away_title"),
    text: t("transfers.away_text"),
  });
  const items = h("ul", { class: "transfer-list", "aria-label": label, "data-testid": testId });
  const list = keyedList(items, ({ id }) => id, create);
  nothing.querySelector("h2")?.setAttribute("tabindex", "-1");
  const el = h("section", { class: "transfers" }, items, nothing, waiting, away);

  function draw() {
    const { transfers, connection } = app.store.get();
    const isAway = connection.status === "offline";
    const found = transfers === null ? [] : pick(transfers);
    const hadFocus = items.contains(document.activeElement);
    list.update(found);
    items.hidden = found.length === 0;
    nothing.hidden = transfers === null || found.length > 0;
    away.hidden = transfers !== null || !isAway;
    waiting.hidden = transfers !== null || isAway;
    // It went with the row that it stood in.
    if (hadFocus && !items.contains(document.activeElement)) {
      el.querySelector("h2")?.focus({ preventScroll: true });
    }
  }
  undo.add(app.store.subscribe((state) => state.transfers, draw));
  undo.add(app.store.subscribe((state) => state.connection, draw));
  // Whoever was verified meanwhile is known for certain.
  undo.add(app.store.subscribe((state) => state.people, draw));
  // "5 minutes ago" grows old by itself.
  const timer = setInterval(draw, MINUTE_MS);
  undo.add(() => clearInterval(timer));
  undo.add(list.destroy);
  return {
    el,
    get: list.get,
    destroy: () => undo.dispose(),
  };
}
