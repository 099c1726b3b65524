/**
 * Composition root of the page: language, theme, engine, store, router, and the root view.
 */

/** @import { Engine } from "./session/types.js" */
/** @import { App } from "./views/types.js" */
import { connectEngine } from "./session/client.js";
import { startOfflineWorker } from "./session/worker-url.js";
import { rowsChanged } from "./state/messages.js";
import { booted, broke, signedOut } from "./state/session.js";
import { INITIAL_STATE, replaceSlice } from "./state/state.js";
import { createStore } from "./state/store.js";
import { changeAppearance, putOn, readAppearance } from "./ui/appearance.js";
import { t } from "./ui/i18n.js";
import { createRouter } from "./ui/router.js";
import { toasts } from "./ui/toast.js";
import { errorCode, errorText } from "./views/error-text.js";
import { forgetPlaces } from "./views/reading-place.js";
import { forgetRecordings } from "./views/recordings.js";
import { root } from "./views/root.js";
import { ROUTES } from "./views/routes.js";

const VERSION = "0.1.0";
const RELOADED_KEY = "sealroom.reloaded";
const INHABITED_KEY = "sealroom.inhabited";

try {
  await putOn(readAppearance());
  sessionStorage.removeItem(RELOADED_KEY);
} catch (error) {
  // A page left open during an upgrade asks for files that are gone; the new page knows the new ones.
  if (sessionStorage.getItem(RELOADED_KEY) !== null) throw error;
  sessionStorage.setItem(RELOADED_KEY, "1");
  location.reload();
}

const store = createStore(INITIAL_STATE);
const messages = toasts();
/** @type {ReturnType<typeof root> | null} */
let page = null;
/** @type {Engine | null} */
let engine = null;
const router = createRouter(ROUTES, () => {
  if (engine === null) startEngine();
  page?.routed();
});

/** @type {App} */
const app = {
  get engine() {
    return engine ?? startEngine();
  },
  store,
  router,
  toast: messages.show,
  nowMs: () => Date.now(),
  appearance: readAppearance,
  setAppearance,
  version: VERSION,
  build: new URL(import.meta.url).pathname.split("/")[2] ?? "",
};

// Where nobody has ever been, the welcome waits for no engine, and the engine's many files for a wish to come in.
if (localStorage.getItem(INHABITED_KEY) !== null || router.current() !== null) startEngine();
else store.set(booted, { phase: "welcome" });
document.addEventListener("visibilitychange", tellActive);
store.subscribe((state) => state.session, tellActive);
store.subscribe((state) => state.session.phase, rememberInhabited);
store.subscribe((state) => state.session.phase, keepForOffline);
draw();

function draw() {
  page?.destroy();
  page = root(app);
  document.body.replaceChildren(page.el, messages.el);
}

/** @returns {Engine} */
function startEngine() {
  engine = connectEngine();
  engine.on("me", (me) => store.set(replaceSlice, "me", me));
  engine.on("connection", (connection) => store.set(replaceSlice, "connection", connection));
  engine.on("people", (people) => store.set(replaceSlice, "people", people));
  engine.on("rooms", (rooms) => store.set(replaceSlice, "rooms", rooms));
  engine.on("transfers", (transfers) => store.set(replaceSlice, "transfers", transfers));
  engine.on("messages", (change) => store.set(rowsChanged, change));
  engine.on("notice", ({ kind, text, params }) => {
    const kinds = /** @type {const} */ ({ info: "notice", success: "done", error: "error" });
    messages.show({ kind: kinds[kind], text: t(text, params) });
  });
  engine.on("signedOut", ({ reason }) => {
    store.set(signedOut, reason);
    forgetPlaces();
    forgetRecordings();
    router.go("welcome", {}, { replace: true });
  });
  engine.call("boot", {}).then(
    (boot) => store.set(booted, boot),
    (error) => store.set(broke, errorCode(error)),
  );
  return engine;
}

/** @param {string} phase */
function rememberInhabited(phase) {
  if (phase === "welcome") localStorage.removeItem(INHABITED_KEY);
  if (["ready", "recovery", "unlock", "expired"].includes(phase)) {
    localStorage.setItem(INHABITED_KEY, "1");
  }
}

/** @param {string} phase */
function keepForOffline(phase) {
  // Not before somebody is in: the welcome stays small.
  if (phase === "ready") startOfflineWorker();
}

function tellActive() {
  if (store.get().session.phase !== "ready") return;
  // Only a hint about presence: when the engine is away, it will ask again.
  app.engine.call("setActive", { active: document.visibilityState === "visible" }).catch(() => {});
}

/** @type {App["setAppearance"]} */
async function setAppearance(change) {
  try {
    await changeAppearance(change);
    if (change.locale !== undefined) draw();
  } catch {
    messages.show({ kind: "error", text: errorText(null) });
  }
}
