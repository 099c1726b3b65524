/** @import { App } from "./types.js" */
/** @import { SafetyNumber } from "../session/types.js" */
import { button } from "../ui/button.js";
import { openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { personById } from "../state/people.js";
import { act } from "./act.js";

/**
 * Compare the safety number with a contact and remember that it was compared.
 * @param {App} app
 * @param {string} user
 */
export async function openVerify(app, user) {
  const number = await act(app, "safetyNumber", { user });
  if (number === null) return;
  const name = personById(app.store.get().people, user)?.displayName ?? "";
  const close = button({ label: t("action.close"), onClick: () => dialog.close() });
  const mark = button({
    label: t(number.verified ? "verify.unmark" : "verify.mark"),
    kind: number.verified ? "secondary" : "primary",
    testId: "verify-mark",
    onClick: async () => {
      mark.update({ busy: true });
      const on = !number.verified;
      const done = t(on ? "verify.marked" : "verify.unmarked", { name });
      const result = await act(app, "setVerified", { user, on }, done);
      mark.update({ busy: false });
      if (result !== null) dialog.close();
    },
  });
  const dialog = openDialog({
    title: t("verify.title", { name }),
    body: [
      h("p", null, t("verify.how", { name })),
      safetyNumber(number),
      h("p", { class: "small muted" }, t(number.verified ? "verify.is" : "verify.why", { name })),
    ],
    actions: [close.el, mark.el],
  });
  dialog.el.classList.add("verify");
}

/**
 * Twelve groups to read aloud; as text they are one line with spaces, so they can be selected and copied whole.
 * @param {SafetyNumber} number
 */
function safetyNumber({ groups }) {
  const el = h("p", { class: "safety-number", dir: "ltr", "data-testid": "safety-number" });
  el.append(...groups.flatMap((group, at) => [at > 0 ? " " : "", h("span", null, group)]));
  return el;
}
