/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { SentTransfer } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { button } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { act } from "./act.js";
import { sentFilesSummary } from "./sent-names.js";
import { sentProgress } from "./sent-progress.js";
import { recipientWords, sentWords } from "./sent-words.js";
import { transferCard } from "./transfer-card.js";
import { transferLink } from "./transfer-link.js";
import { summaryParts } from "./transfer-words.js";

const UNDER_WAY = new Set(["preparing", "uploading", "paused"]);
/** Why it failed, where it would fail again. */
const HOPELESS = new Set(["draft_ended", "too_large"]);

/**
 * Files that one has sent: for whom, how far, what became of them, the link to hand over, and taking it all back.
 * @param {App} app
 * @param {SentTransfer} first
 * @returns {Component<SentTransfer> & { focus: () => void }}
 */
export function sentTransfer(app, { id, to }) {
  const face = avatar();
  const mark = h("span", { class: "mark" }, icon(to.kind === "link" ? "link" : "mail"));
  const status = h("p", { class: "status", role: "status", "data-testid": "transfer-state" });
  const progress = sentProgress(app, id);
  const names = sentFilesSummary();
  const link = transferLink(app);
  const again = button({
    label: t("transfers.retry"),
    icon: "refresh",
    testId: "transfer-retry",
    onClick: () => void act(app, "retryTransfer", { id }),
  });
  const pause = button({
    label: t("transfers.pause"),
    icon: "pause",
    testId: "transfer-pause",
    onClick: () => void act(app, "pauseTransfer", { id, on: true }),
  });
  const goOn = button({
    label: t("transfers.go_on"),
    icon: "play",
    testId: "transfer-go-on",
    onClick: () => void act(app, "pauseTransfer", { id, on: false }),
  });
  const withdraw = button({
    label: t("transfers.withdraw"),
    kind: "quiet",
    testId: "transfer-withdraw",
    onClick: () => void ask(isUnderWay ? "stop" : "withdraw", "withdrawTransfer"),
  });
  const forget = button({
    label: t("transfers.forget"),
    icon: "trash",
    iconOnly: true,
    kind: "quiet",
    testId: "transfer-forget",
    onClick: () => void ask("forget", "forgetTransfer"),
  });
  const card = transferCard(
    { testId: "transfer-sent", face: to.kind === "person" ? face.el : mark, away: forget.el },
    status,
    progress.el,
    names.el,
    link.el,
    h("div", { class: "answers" }, again.el, pause.el, goOn.el, withdraw.el),
  );
  const { name } = card;
  let isUnderWay = false;

  /**
   * @param {"stop" | "withdraw" | "forget"} what
   * @param {"withdrawTransfer" | "forgetTransfer"} call
   */
  async function ask(what, call) {
    const sure = await confirmDialog({
      title: t(`transfers.${what}_title`),
      text: t(`transfers.${what}_text`),
      confirm: t(`transfers.${what}`),
      ...(what === "stop" ? { dismiss: t("transfers.stop_not") } : {}),
      danger: true,
      testId: `transfer-${what}-confirm`,
    });
    if (sure) await act(app, call, { id }, t(`transfers.${what}_done`));
  }

  return {
    el: card.el,
    update(transfer) {
      const { state, failure, createdMs } = transfer;
      const { connection } = app.store.get();
      const nowMs = app.nowMs();
      const title = recipientWords(transfer);
      if (to.kind === "person") face.update({ userId: to.user, name: title });
      card.update({ title, about: summaryParts(transfer, nowMs), state, createdMs, nowMs });
      setText(status, sentWords(transfer, { nowMs, isOnline: connection.status === "online" }));
      progress.update(transfer);
      names.update(transfer.files);
      link.update(transfer);
      const [isFailed, hasEnded] = [state === "failed", state === "ended"];
      isUnderWay = UNDER_WAY.has(state);
      again.el.hidden = !isFailed || HOPELESS.has(failure ?? "");
      pause.el.hidden = state !== "uploading";
      goOn.el.hidden = state !== "paused";
      withdraw.el.hidden = isFailed || hasEnded;
      withdraw.update({ label: t(isUnderWay ? "transfers.stop" : "transfers.withdraw") });
      forget.el.hidden = !isFailed && !hasEnded;
      setAttribute(status, "data-state", state);
    },
    focus() {
      name.focus({ preventScroll: true });
      card.el.scrollIntoView({ block: "nearest" });
    },
    destroy() {
      progress.destroy();
      link.destroy();
    },
  };
}
