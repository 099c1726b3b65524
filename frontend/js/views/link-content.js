/** @import { LinkContent } from "../session/link-types.js" */
/** @import { LinkState } from "../state/link.js" */
/** @import { LinkVisit } from "./link-visit.js" */
/** @import { Stage } from "./link-page.js" */
import { fetchable, isFetching } from "../state/link.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { plural, t } from "../ui/i18n.js";
import { partsLine } from "../ui/parts-line.js";
import { accountFrame } from "./account-frame.js";
import { linkFile } from "./link-file.js";
import { openLinkReport } from "./link-report.js";
import { linkSender } from "./link-sender.js";
import { linkItemWords } from "./link-words.js";
import { summaryParts } from "./transfer-words.js";

/** What a file can come to that somebody who does not see it wants to hear. */
const ENDS = ["done", "damaged", "gone", "failed"];

/**
 * An open link: its files, whom it says it is from, and what has become of each file so far.
 * @param {object} options
 * @param {LinkState} options.state
 * @param {LinkVisit} options.visit
 * @param {() => number} options.nowMs
 * @returns {Stage}
 */
export function linkContent({ state: { content, items }, visit, nowMs }) {
  const { files, from, expiresMs } = /** @type {LinkContent} */ (content);
  const rows = files.map(({ name }, index) => linkFile({ index, name, visit, nowMs }));
  const note = h("p", { class: "note", role: "status", "data-testid": "link-note" });
  const heard = h("p", { class: "visually-hidden", role: "status" });
  const all = button({
    label: t(files.length === 1 ? "link.download" : "link.download_all"),
    kind: "primary",
    icon: "download",
    testId: "link-download",
    onClick: () => void visit.fetchAll(),
  });
  const report = button({
    label: t("link.report"),
    kind: "quiet",
    testId: "link-report",
    onClick: () => openLinkReport(visit.report),
  });
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const el = accountFrame({
    title: plural("link.title", files.length),
    text: partsLine(summaryParts({ state: "open", files, totalBytes, expiresMs }, nowMs())),
    body: [
      linkSender(from),
      h("ul", { class: "link-files" }, ...rows.map((row) => row.el)),
      note,
      all.el,
      heard,
      report.el,
    ],
  });
  let last = items;

  return {
    el,
    update(state) {
      const isOver = state.ending !== null;
      for (const [index, row] of rows.entries()) {
        const item = state.items[index];
        if (item !== undefined) row.update({ item, isOver });
      }
      all.el.hidden = fetchable(state).length === 0;
      const words = noteWords(state);
      note.hidden = words === "";
      setText(note, words);
      const ended = state.items.find(
        (item, index) => ENDS.includes(item.state) && item.state !== last[index]?.state,
      );
      if (ended !== undefined) setText(heard, `${ended.name}: ${linkItemWords(ended, null)}`);
      last = state.items;
    },
    destroy() {},
  };
}

/**
 * @param {LinkState} state
 * @returns {string} the one thing worth saying about all of them
 */
function noteWords({ ending, items, content }) {
  if (ending !== null) return t(`link.ending_${ending}`);
  if (items.some(isFetching)) return t("link.stay");
  if (items.some(({ state }) => state === "damaged")) return t("link.damaged");
  const left = content?.downloadsLeft ?? null;
  const isUntouched = items.every(({ state }) => state === "waiting");
  return left !== null && isUntouched ? plural("transfers.downloads_left", left) : "";
}
