/** @import { Child } from "../ui/dom.js" */
import { h, setAttribute, setText } from "../ui/dom.js";
import { formatAgo } from "../ui/format.js";
import { partsLine } from "../ui/parts-line.js";

/**
 * The frame of a transfer in a list: a face, for whom or from whom, what it holds and until when; below it what the
 * caller puts there.
 * @param {{ testId: string, face: Child, away: Child }} head away: what takes it off the list
 * @param {...Child} body
 */
export function transferCard({ testId, face, away }, ...body) {
  const called = h("bdi");
  const name = h("h2", { class: "truncate", tabindex: "-1" }, called);
  const when = h("time", { class: "caption muted" });
  const summary = h("p", { class: "caption muted" });
  const el = h(
    "li",
    { class: "transfer-card", "data-testid": testId },
    h("header", null, face, name, when, summary, away),
    ...body,
  );
  return {
    el,
    name,
    /** @param {{ title: string, about: string[], state: string, createdMs: number, nowMs: number }} model */
    update({ title, about, state, createdMs, nowMs }) {
      setText(called, title);
      const line = partsLine(about);
      if (line.textContent !== summary.textContent) summary.replaceChildren(line);
      setText(when, formatAgo(createdMs, nowMs));
      setAttribute(el, "data-state", state);
    },
  };
}
