/**
 * The whole page: which screen belongs to the session and the address, and swapping them.
 */

/** @import { AccountScreen, App } from "./types.js" */
/** @import { Session } from "../state/session.js" */
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { steppedBack } from "../state/session.js";
import { codeScreen } from "./code-screen.js";
import { forgotPassword, resetPassword } from "./forgot-password.js";
import { halted, starting } from "./halted.js";
import { logIn } from "./log-in.js";
import { recovery } from "./recovery.js";
import { DESTINATIONS } from "./routes.js";
import { signUp } from "./sign-up.js";
import { unlock } from "./unlock.js";
import { welcome } from "./welcome.js";

/** @type {Readonly<Record<string, (app: App) => AccountScreen>>} by route name */
const DOORS = { welcome, "sign-up": signUp, "log-in": logIn, "forgot-password": forgotPassword };

/** @typedef {{ el: HTMLElement, routed: () => void, destroy: () => void }} Part routed: the address has changed */

/**
 * @param {App} app
 * @returns {Part}
 */
export function root(app) {
  const el = h("div", { class: "root" });
  /** @type {Session} */
  let session = { phase: "starting" };
  let part = doors(app, session);

  /** @param {Part} next */
  function show(next) {
    part.destroy();
    part = next;
    el.replaceChildren(part.el);
    part.routed();
  }

  /** @param {Session} entered */
  async function letIn(entered) {
    show(doors(app, { phase: "starting" }));
    const loaded = await loadInside();
    if (session !== entered) return;
    // Only an upgrade of the server takes the file away; the button there loads the page anew.
    if (loaded === null) show(doors(app, { phase: "broken", code: "unavailable" }));
    else show(loaded.inside(app));
  }

  const dispose = app.store.subscribe(
    (state) => state.session,
    (next) => {
      const before = session;
      session = next;
      // A code that was sent again changes the countdown only; what has been typed stays.
      if (before.phase === "code" && next.phase === "code") return;
      if (next.phase === "ready") void letIn(next);
      else show(doors(app, next));
    },
  );
  // Whoever comes back to a conversation will be let in; whoever has got this far, soon.
  const ahead = app.store.subscribe(
    (state) => state.session.phase,
    (phase) => {
      const returning = phase === "starting" && DESTINATIONS[app.router.current()?.name ?? ""];
      if (returning || phase === "code" || phase === "recovery") void loadInside();
    },
  );
  return {
    el,
    routed: () => part.routed(),
    destroy() {
      dispose();
      ahead();
      session = { phase: "starting" };
      part.destroy();
    },
  };
}

/** What stands behind the doors, or null when it could not be loaded; asked again it costs nothing. */
async function loadInside() {
  try {
    return await import("./inside.js");
  } catch {
    return null;
  }
}

/**
 * The screens before log-in. While the engine waits for something, the address has no say.
 * @param {App} app
 * @param {Session} session
 * @returns {Part}
 */
function doors(app, session) {
  const el = h("div", { class: "doors" });
  /** @type {AccountScreen | null} */
  let screen = null;
  let route = "";

  /** @returns {AccountScreen} */
  function wanted() {
    switch (session.phase) {
      case "broken":
      case "unsupported":
        return halted(session);
      case "code":
        return session.flow === "forgot-password"
          ? resetPassword(app, session)
          : codeScreen(app, { email: session.email, flow: session.flow });
      case "recovery":
        return recovery(app, session);
      case "unlock":
        return unlock(app);
      case "welcome":
        return (DOORS[route] ?? welcome)(app);
      case "expired":
        return (DOORS[route] ?? logIn)(app);
      default:
        return starting();
    }
  }

  function routed() {
    const next = app.router.current()?.name ?? "";
    if (screen !== null && next === route) return;
    // The back gesture on the code leads to the form that asked for it.
    if (screen !== null && session.phase === "code") return app.store.set(steppedBack);
    route = next;
    screen?.destroy();
    screen = wanted();
    el.replaceChildren(screen.el);
    document.title = t("app.name");
    focusFirst(el);
  }
  return { el, routed, destroy: () => screen?.destroy() };
}

/**
 * The first thing to fill in, or else the heading, so that a screen reader begins where the eye does.
 * @param {HTMLElement} el
 */
function focusFirst(el) {
  const empty = [...el.querySelectorAll("input")].find((input) => input.value === "");
  /** @type {HTMLElement | null} */
  const target = empty ?? el.querySelector("h1");
  target?.focus({ preventScroll: true });
}
