/** @import { App } from "./types.js" */
/** @import { FilesTab } from "./files.js" */
/** @import { TransferTo } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { form, Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { errorCode, errorText } from "./error-text.js";
import { transferFiles } from "./transfer-files.js";
import { transferOptions } from "./transfer-options.js";
import { transferRecipient } from "./transfer-recipient.js";
import { unsentWords } from "./transfer-words.js";

/**
 * Send files: which, to whom, for how long. What fails leaves everything as it was entered.
 * @param {App} app
 * @param {{ onSent: (id: string) => void }} options
 * @returns {FilesTab}
 */
export function newTransfer(app, { onSent }) {
  const files = transferFiles(app);
  const options = transferOptions(app);
  const recipient = transferRecipient(app, { onKind: turn });
  const submit = button({
    label: t("transfers.send_person"),
    kind: "primary",
    type: "submit",
    icon: "send",
    testId: "transfer-send",
  });
  const busy = h("p", { class: "caption muted", role: "status" });
  const body = form({
    fields: [
      h(
        "div",
        { class: "halves" },
        files.el,
        h("div", { class: "stack" }, recipient.el, options.el),
      ),
    ],
    submit,
    after: [busy],
    onSubmit: send,
    errorText: whyNot,
  });

  let isGone = false;

  /** @param {TransferTo["kind"]} kind */
  function turn(kind) {
    options.update(kind);
    submit.update({ label: t(`transfers.send_${kind}`) });
  }

  async function send() {
    const to = recipient.require();
    const wishes = options.require(to.kind);
    const chosen = await files.require();
    busy.textContent = t("transfers.state_preparing");
    busy.scrollIntoView({ block: "nearest" });
    try {
      const { id } = await app.engine.call("sendTransfer", { files: chosen, to, ...wishes });
      files.clear();
      options.reset();
      onSent(id);
    } catch (error) {
      if (errorCode(error) === "weak_password") options.refuse(error);
      // It was cancelled in the list of what went.
      if (errorCode(error) === "cancelled") throw new Unsent();
      if (isGone) app.toast({ kind: "error", text: whyNot(error) });
      throw error;
    } finally {
      busy.textContent = "";
    }
  }

  recipient.begin();
  return {
    el: h("section", { class: "new-transfer", "data-testid": "transfer-new" }, body.el),
    show({ person }) {
      if (person !== undefined) recipient.choose(person);
    },
    take: files.take,
    destroy() {
      isGone = true;
      files.destroy();
      options.destroy();
      recipient.destroy();
    },
  };
}

/** @param {unknown} error @returns {string} "" when a field has said it already */
function whyNot(error) {
  return errorText(error) && unsentWords(errorCode(error));
}
