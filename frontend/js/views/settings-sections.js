/** The smaller sections of the settings. */

/** @import { App } from "./types.js" */
/** @import { Appearance } from "../ui/appearance.js" */
/** @import { Preferences } from "../session/types.js" */
import { Disposables } from "../lib/disposables.js";
import { button } from "../ui/button.js";
import { avatar } from "../ui/avatar.js";
import { choice } from "../ui/choice.js";
import { h, setText } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { switchRow } from "../ui/switch-row.js";
import { act } from "./act.js";
import { errorText } from "./error-text.js";
import { requireText } from "./required.js";

/** @param {App} app */
export function profileSection(app) {
  const undo = new Disposables();
  const face = avatar({ size: "large" });
  const email = h("p", { class: "muted", dir: "ltr" });
  const name = field({
    label: t("account.name"),
    hint: t("account.name_hint"),
    autocomplete: "nickname",
    maxLength: 64,
    testId: "profile-name",
  });
  const submit = button({ label: t("action.save"), kind: "primary", type: "submit" });
  const { el } = form({
    fields: [name.el],
    submit,
    onSubmit: async () => {
      requireText(name, t("account.name_missing"));
      await app.engine.call("setDisplayName", { displayName: name.value().trim() });
      app.toast({ text: t("profile.saved") });
    },
    errorText,
  });
  undo.add(
    app.store.subscribe(
      (state) => state.me,
      (me) => {
        if (me === null) return;
        face.update({ userId: me.id, name: me.displayName });
        setText(email, me.email);
        // What is being typed is not overwritten by an answer that arrives late.
        if (document.activeElement !== name.input) name.input.value = me.displayName;
      },
    ),
  );
  return {
    el: h("div", { class: "stack" }, h("div", { class: "profile-face" }, face.el, email), el),
    destroy: () => undo.dispose(),
  };
}

/** @param {App} app */
export function privacySection(app) {
  const undo = new Disposables();
  const names = /** @type {const} */ (["readReceipts", "presence"]);
  const switches = names.map((name) =>
    switchRow({
      label: t(`privacy.${name}`),
      text: t(`privacy.${name}_text`),
      onChange: (on) => void change({ [name]: on }),
    }),
  );

  /** @param {Partial<Preferences>} changed */
  async function change(changed) {
    const { me } = app.store.get();
    if (me === null) return;
    await act(app, "setPreferences", { ...me.preferences, ...changed }, t("privacy.saved"));
    draw();
  }
  function draw() {
    const { me } = app.store.get();
    for (const [index, name] of names.entries()) {
      switches[index]?.update({ on: me?.preferences[name] ?? false, disabled: me === null });
    }
  }
  undo.add(app.store.subscribe((state) => state.me, draw));
  return {
    el: h("div", { class: "stack is-ruled" }, ...switches.map((one) => one.el)),
    destroy: () => undo.dispose(),
  };
}

/** @param {App} app */
export function appearanceSection(app) {
  const { theme, locale } = app.appearance();
  const themes = choice({
    label: t("appearance.theme"),
    options: ["system", "light", "dark"].map((value) => ({
      value,
      label: t(`appearance.theme_${value}`),
    })),
    value: theme,
    onChange: (value) =>
      void app.setAppearance({ theme: /** @type {Appearance["theme"]} */ (value) }),
  });
  const locales = choice({
    label: t("appearance.language"),
    options: [
      { value: "system", label: t("appearance.language_system") },
      { value: "vi", label: "Tiếng Việt", lang: "vi" },
      { value: "en", label: "English", lang: "en" },
    ],
    value: locale,
    onChange: (value) =>
      void app.setAppearance({ locale: /** @type {Appearance["locale"]} */ (value) }),
  });
  return { el: h("div", { class: "stack" }, themes, locales), destroy() {} };
}

/** @param {App} app */
export function aboutSection(app) {
  return {
    el: h(
      "div",
      { class: "stack" },
      h("p", null, t("about.text")),
      h(
        "dl",
        { class: "facts" },
        h("dt", null, t("about.version")),
        h("dd", null, app.version),
        h("dt", null, t("about.build")),
        h("dd", null, h("code", null, app.build)),
      ),
      h("p", { class: "small muted" }, t("about.build_text")),
    ),
    destroy() {},
  };
}
