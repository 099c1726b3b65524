/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { ReceivedTransfer } from "../session/types.js" */
/** @import { ReceivedFileModel } from "./received-file.js" */
import { avatar } from "../ui/avatar.js";
import { button } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { act } from "./act.js";
import { originNow } from "./file-words.js";
import { receivedFile } from "./received-file.js";
import { offerWords, receivedNote } from "./received-words.js";
import { transferCard } from "./transfer-card.js";
import { summaryParts } from "./transfer-words.js";
import { openVerify } from "./verify.js";

/**
 * Files that somebody sent: an offer to answer, or files to save.
 * @param {App} app
 * @param {ReceivedTransfer} first
 * @returns {Component<ReceivedTransfer>}
 */
export function receivedTransfer(app, { id, sender }) {
  const face = avatar();
  const offer = h("p", { "data-testid": "transfer-offer" });
  const items = h("ul", { class: "files" });
  /** @type {Map<number, ReturnType<typeof receivedFile>>} */
  const rows = new Map();
  const list = keyedList(
    items,
    (/** @type {ReceivedFileModel & { index: number }} */ { index }) => String(index),
    ({ index }) => {
      const row = receivedFile(app, id, index);
      rows.set(index, row);
      return row;
    },
  );
  const verdict = h("strong");
  const why = h("span");
  const note = h("p", { class: "small note", "data-testid": "transfer-note" }, verdict, why);
  const accept = button({
    label: t("transfers.accept"),
    kind: "primary",
    testId: "transfer-accept",
    onClick: () => void answer(),
  });
  const saveAll = button({
    label: t("transfers.save_all"),
    icon: "download",
    testId: "transfer-save-all",
    onClick: () => void saveEach(),
  });
  const decline = button({
    label: t("transfers.decline"),
    testId: "transfer-decline",
    onClick: () => void refuse("decline"),
  });
  const block = button({
    label: t("people.block"),
    icon: "block",
    kind: "quiet",
    testId: "transfer-block",
    onClick: () => void shutOut(),
  });
  const compare = button({
    label: t("people.verify"),
    icon: "shield-check",
    testId: "transfer-compare",
    onClick: () => void openVerify(app, sender.id),
  });
  const away = button({
    label: t("transfers.remove"),
    icon: "trash",
    iconOnly: true,
    kind: "quiet",
    testId: "transfer-remove",
    onClick: () => void refuse("remove"),
  });
  const card = transferCard(
    { testId: "transfer-received", face: face.el, away: away.el },
    offer,
    items,
    note,
    h("div", { class: "answers" }, accept.el, decline.el, block.el, saveAll.el, compare.el),
  );
  async function answer() {
    accept.update({ busy: true });
    await act(app, "acceptTransfer", { id });
    accept.update({ busy: false });
  }

  /** @param {"decline" | "remove"} what */
  async function refuse(what) {
    const name = sender.displayName;
    const sure = await confirmDialog({
      title: t(`transfers.${what}_title`, { name }),
      text: t(`transfers.${what}_text`, { name }),
      confirm: t(`transfers.${what}`),
      danger: true,
      testId: `transfer-${what}-confirm`,
    });
    if (sure) await act(app, "declineTransfer", { id }, t(`transfers.${what}_done`));
  }

  async function shutOut() {
    const { id: user, displayName: name } = sender;
    const sure = await confirmDialog({
      title: t("people.block_title", { name }),
      text: t("transfers.block_text", { name }),
      confirm: t("people.block"),
      danger: true,
      testId: "transfer-block-confirm",
    });
    if (sure) await act(app, "block", { user }, t("people.blocked_done", { name }));
  }

  /** One after the other, so that a phone never holds more than one. */
  async function saveEach() {
    saveAll.update({ busy: true });
    for (const row of rows.values()) if (row.canSave()) await row.save();
    saveAll.update({ busy: false });
  }

  return {
    el: card.el,
    update(transfer) {
      const { state, files, refusal, createdMs } = transfer;
      const origin = transfer.origin && originNow(transfer.origin, app.store.get().people);
      const [name, nowMs] = [sender.displayName, app.nowMs()];
      const isOffered = state === "offered";
      const isSealed = state === "sealed" && refusal === null;
      face.update({ userId: sender.id, name });
      const about = summaryParts(transfer, nowMs);
      card.update({ title: name, about, state, createdMs, nowMs });
      setText(offer, isOffered ? offerWords(transfer) : "");
      offer.hidden = !isOffered;
      items.hidden = !isSealed && files.every((file) => file.name === "");
      list.update(files.map((file, index) => ({ index, file, name, origin, canSave: isSealed })));
      const said = receivedNote({ ...transfer, origin });
      note.hidden = said === null;
      setText(verdict, said?.title ?? "");
      setText(why, said?.text ?? "");
      setAttribute(note, "data-kind", said?.kind ?? null);
      accept.el.hidden = !isOffered;
      saveAll.el.hidden = [...rows.values()].filter((row) => row.canSave()).length < 2;
      compare.el.hidden = typeof said?.compare !== "string";
      decline.el.hidden = !isOffered;
      block.el.hidden = !isOffered;
      away.el.hidden = isOffered;
    },
    destroy() {
      list.destroy();
      rows.clear();
    },
  };
}
