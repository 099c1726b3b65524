/**
 * Composition root of the page of a link: its secret, language, worker, store, and the one view.
 */

import { systemClock } from "./lib/clock.js";
import { retry } from "./lib/retry.js";
import { connectLink } from "./session/client.js";
import { INITIAL_LINK } from "./state/link.js";
import { createStore } from "./state/store.js";
import { changeAppearance, putOn, readAppearance } from "./ui/appearance.js";
import { halted } from "./views/halted.js";
import { linkDownload } from "./views/link-download.js";
import { linkPage } from "./views/link-page.js";
import { linkVisit } from "./views/link-visit.js";

const RETRY = Object.freeze({ firstMs: 1_000, maxMs: 10_000 });

const address = takeAddress();
// Words are needed to say anything at all, and loading the page again would lose the secret.
await retry(() => putOn(readAppearance()), {
  ...RETRY,
  clock: systemClock,
  isRetryable: () => true,
});

const missing = findMissing();
if (missing === null) start();
else document.body.replaceChildren(halted({ phase: "unsupported", reason: missing }).el);

/**
 * Take the secret out of the address before anything else happens, so that nobody reads it from the bar,
 * the history or the list of tabs. That there was one is remembered, for a page that is loaded again.
 */
function takeAddress() {
  const fragment = location.hash.slice(1);
  const wasOpen = fragment === "" && history.state?.wasOpen === true;
  history.replaceState({ wasOpen: wasOpen || fragment !== "" }, "", location.pathname);
  // Another link pasted over this one comes as another fragment of the same page.
  addEventListener("hashchange", () => location.reload());
  return { transfer: location.pathname.split("/")[2] ?? "", fragment, wasOpen };
}

/** @returns {string | null} what this browser lacks */
function findMissing() {
  /** @type {{ crypto?: { subtle?: SubtleCrypto }, navigator: { locks?: LockManager } }} */
  const browser = globalThis;
  if (browser.crypto?.subtle === undefined) return "crypto";
  return browser.navigator.locks === undefined ? "locks" : null;
}

function start() {
  const store = createStore(INITIAL_LINK);
  const download = linkDownload(address.transfer);
  const visit = linkVisit({ connect: connectLink, store, address, download });
  /** @type {ReturnType<typeof linkPage> | null} */
  let page = null;

  /** @param {"en" | "vi"} locale */
  async function speak(locale) {
    // Words that cannot be fetched leave the page as it is; the button is still there.
    await changeAppearance({ locale }).catch(() => {});
    draw();
  }

  function draw() {
    page?.destroy();
    page = linkPage({ store, visit, speak, nowMs: () => Date.now() });
    document.body.replaceChildren(page.el);
  }

  draw();
  void visit.begin();
}
