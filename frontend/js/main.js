/**
 * Composition root of the page: language, theme, engine, store, router, and the root view.
 */

/** @import { App, Appearance } from "./views/types.js" */
import { connectEngine } from "./session/client.js";
import { INITIAL_STATE, replaceSlice } from "./state/state.js";
import { rowsChanged } from "./state/messages.js";
import { booted, broke, signedOut } from "./state/session.js";
import { createStore } from "./state/store.js";
import { chooseLocale, setLanguage, t } from "./ui/i18n.js";
import { createRouter } from "./ui/router.js";
import { toasts } from "./ui/toast.js";
import { errorCode } from "./views/error-text.js";
import { root } from "./views/root.js";
import { ROUTES } from "./views/routes.js";

const VERSION = "0.1.0";
const APPEARANCE_KEY = "sealroom.appearance";

/** @type {Appearance} */
const DEFAULT_APPEARANCE = { theme: "system", locale: "system" };

const engine = connectEngine();
const store = createStore(INITIAL_STATE);
const messages = toasts();
const router = createRouter(ROUTES, () => page?.routed());
/** @type {ReturnType<typeof root> | null} */
let page = null;

/** @type {App} */
const app = {
  engine,
  store,
  router,
  toast: messages.show,
  nowMs: () => Date.now(),
  appearance: readAppearance,
  async setAppearance(change) {
    const next = { ...readAppearance(), ...change };
    localStorage.setItem(APPEARANCE_KEY, JSON.stringify(next));
    document.documentElement.dataset["theme"] = next.theme;
    if (change.locale !== undefined) {
      await speak(next);
      draw();
    }
  },
  version: VERSION,
  build: new URL(import.meta.url).pathname.split("/")[2] ?? "",
};

await speak(readAppearance());
listen();
draw();
await boot();

function draw() {
  page?.destroy();
  page = root(app);
  document.body.replaceChildren(page.el, messages.el);
}

/**
 * @param {Appearance} appearance
 */
async function speak({ theme, locale }) {
  const chosen = locale === "system" ? chooseLocale(navigator.languages) : locale;
  const response = await fetch(new URL(`../locales/${chosen}.json`, import.meta.url));
  setLanguage(chosen, await response.json());
  document.documentElement.lang = chosen;
  document.documentElement.dataset["theme"] = theme;
}

function listen() {
  for (const name of /** @type {const} */ (["me", "connection", "people", "rooms"])) {
    engine.on(name, (value) => store.set(replaceSlice, name, value));
  }
  engine.on("messages", (change) => store.set(rowsChanged, change));
  engine.on("notice", ({ kind, text, params }) => {
    const kinds = /** @type {const} */ ({ info: "notice", success: "done", error: "error" });
    messages.show({ kind: kinds[kind], text: t(text, params) });
  });
  engine.on("signedOut", ({ reason }) => {
    store.set(signedOut, reason);
    router.go("welcome", {}, { replace: true });
  });
  const active = () => engine.call("setActive", { active: document.visibilityState === "visible" });
  document.addEventListener("visibilitychange", () => {
    if (store.get().session.phase === "ready") void active();
  });
}

async function boot() {
  try {
    store.set(booted, await engine.call("boot", {}));
  } catch (error) {
    store.set(broke, errorCode(error));
  }
}

/** @returns {Appearance} */
function readAppearance() {
  try {
    return { ...DEFAULT_APPEARANCE, ...JSON.parse(localStorage.getItem(APPEARANCE_KEY) ?? "{}") };
  } catch {
    return DEFAULT_APPEARANCE;
  }
}
