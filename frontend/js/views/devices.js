/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { DeviceItem } from "../session/types.js" */
import { button } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { h, setText } from "../ui/dom.js";
import { formatAgo, formatDate } from "../ui/format.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { skeleton } from "../ui/skeleton.js";
import { act } from "./act.js";
import { askPassword } from "./ask-password.js";
import { errorText } from "./error-text.js";

/**
 * Where one is logged in, and how to end that.
 * @param {App} app
 */
export function devicesSection(app) {
  const items = h("ul", { class: "devices" });
  const waiting = skeleton({ rows: 3 });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const list = keyedList(
    items,
    (/** @type {DeviceItem} */ device) => device.deviceId,
    (device) => deviceRow(app, device, load),
  );
  let ended = false;

  async function load() {
    try {
      const { devices } = await app.engine.call("devices", {});
      if (ended) return;
      problem.hidden = true;
      list.update([...devices].sort(currentFirst));
    } catch (error) {
      setText(problem, errorText(error));
      problem.hidden = false;
    }
    waiting.hidden = true;
  }
  void load();

  const everywhere = button({
    label: t("devices.log_out_everywhere"),
    kind: "danger",
    icon: "log-out",
    testId: "logout-everywhere",
    onClick: async () => {
      const sure = await confirmDialog({
        title: t("devices.log_out_everywhere"),
        text: t("devices.log_out_everywhere_ask"),
        confirm: t("devices.log_out_everywhere"),
        danger: true,
      });
      if (sure) await act(app, "logOut", { everywhere: true });
    },
  });
  return {
    el: h(
      "div",
      { class: "stack" },
      h("p", { class: "muted" }, t("devices.text")),
      problem,
      waiting,
      items,
      h("p", { class: "muted small" }, t("devices.log_out_everywhere_text")),
      h("div", null, everywhere.el),
    ),
    destroy: () => {
      ended = true;
      list.destroy();
    },
  };
}

/**
 * @param {App} app
 * @param {DeviceItem} device
 * @param {() => Promise<void>} reload
 * @returns {Component<DeviceItem>}
 */
function deviceRow(app, { deviceId, name, current, platform }, reload) {
  const line = h("span", { class: "caption muted" });
  const remove = button({
    label: t("devices.remove"),
    onClick: () =>
      askPassword(app, {
        title: t("devices.remove_title", { name }),
        text: t("devices.remove_text"),
        confirm: t("devices.remove"),
        danger: true,
        onPassword: async (password) => {
          await app.engine.call("removeDevice", { deviceId, password });
          app.toast({ text: t("devices.removed", { name }) });
          await reload();
        },
      }),
  });
  remove.el.setAttribute("aria-label", t("devices.remove_name", { name }));
  const small = /android|iphone|ipad|ios|mobile/i.test(platform);
  return {
    el: h(
      "li",
      { class: "device-row", "data-current": current, "data-device": deviceId },
      h("span", { class: "mark" }, icon(small ? "phone" : "computer")),
      h(
        "div",
        { class: "who" },
        h(
          "span",
          { class: "name" },
          h("strong", { class: "truncate", dir: "auto" }, name),
          current && h("span", { class: "tag" }, t("devices.current")),
        ),
        line,
      ),
      current ? null : remove.el,
    ),
    update: (device) => setText(line, activity(device, app.nowMs())),
    destroy() {},
  };
}

/**
 * @param {DeviceItem} device
 * @param {number} nowMs
 */
function activity({ current, signedIn, lastUsedMs, addedMs }, nowMs) {
  const added = t("devices.added", { date: formatDate(addedMs, nowMs) });
  if (current) return `${t("devices.active_now")} · ${added}`;
  if (!signedIn) return `${t("devices.signed_out")} · ${added}`;
  if (lastUsedMs === null) return added;
  return `${t("devices.active", { ago: formatAgo(lastUsedMs, nowMs) })} · ${added}`;
}

/**
 * @param {DeviceItem} a
 * @param {DeviceItem} b
 */
function currentFirst(a, b) {
  return Number(b.current) - Number(a.current) || (b.lastUsedMs ?? 0) - (a.lastUsedMs ?? 0);
}
