/** @import { Component } from "./dom.js" */
import { h, setText } from "./dom.js";
import { icon, setIcon } from "./icon.js";
import { t } from "./i18n.js";

/** @typedef {{ status: "online" | "connecting" | "offline" }} Connection */

/**
 * One line on top of the page while the server cannot be reached. Offline is a state, not an error: the line says what
 * still works. It waits a second before it shows, so that a short reconnect moves nothing (css).
 * @returns {Component<Connection>}
 */
export function connectionBanner() {
  const mark = icon("wifi-off", { size: "small" });
  const text = h("span");
  const el = h("div", { class: "connection-banner", role: "status", hidden: true }, mark, text);
  return {
    el,
    update({ status }) {
      el.hidden = status === "online";
      el.dataset["connection"] = status;
      if (status === "online") return;
      setIcon(mark, status === "offline" ? "wifi-off" : "refresh");
      setText(text, t(`connection.${status}`));
    },
    destroy() {},
  };
}
