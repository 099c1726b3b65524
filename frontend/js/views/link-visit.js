/**
 * What happens at the page of a link, one step after the other; what comes of it stands in the store.
 */

/** @import { LinkEngine, ReportReason } from "../session/link-types.js" */
/** @import { LinkState } from "../state/link.js" */
/** @import { Store } from "../state/store.js" */
import * as link from "../state/link.js";
import { errorCode } from "./error-text.js";
import { saveFile } from "./save-file.js";

/** @import { LinkDownload } from "./link-download.js" */
/** @typedef {{ transfer: string, fragment: string, wasOpen: boolean }} LinkAddress */
/** @typedef {ReturnType<typeof linkVisit>} LinkVisit */

/**
 * @param {{ connect: () => LinkEngine, store: Store<LinkState>, address: LinkAddress, download: LinkDownload }} parts
 */
export function linkVisit({ connect, store, address, download }) {
  let engine = start();

  function start() {
    const started = connect();
    started.on("progress", (progress) => store.set(link.progressed, progress));
    started.on("waiting", (which) => store.set(link.stalled, which));
    return started;
  }
  /**
   * @param {string | null} passphrase
   */
  async function open(passphrase) {
    try {
      store.set(link.opened, await engine.call("open", { passphrase }), download.hasBegun);
    } catch (error) {
      const code = errorCode(error);
      if (passphrase !== null && code === "bad_link") store.set(link.passphraseNeeded, true);
      else if (passphrase !== null && !["not_found", "damaged", "unsupported"].includes(code)) {
        throw error; // the form says it, and keeps what was entered
      } else store.set(link.halted, code);
    }
  }

  /** @param {number} index also of a file that is to be saved once more */
  async function fetch(index) {
    const state = store.get();
    const isHere = state.items[index]?.state === "done" && state.ending === null;
    if (!isHere && !link.fetchable(state).includes(index)) return;
    store.set(link.fetching, index);
    download.begin();
    try {
      const { file } = await engine.call("fetch", { index });
      saveFile(file, file.name);
      store.set(link.fetched, index);
    } catch (error) {
      store.set(link.fetchEnded, index, errorCode(error));
    }
  }

  return Object.freeze({
    async begin() {
      // A worker that could not be loaded never answers; another one may.
      if (store.get().code === "internal") engine = start();
      store.set(link.began);
      if (address.fragment === "" && address.wasOpen) {
        store.set(link.loadedAnew);
        return;
      }
      try {
        const { transfer, fragment } = address;
        const looked = await engine.call("look", { transfer, fragment, download: download.id });
        if (looked.hasPassphrase) store.set(link.passphraseNeeded, false);
        else await open(null);
      } catch (error) {
        store.set(link.halted, errorCode(error));
      }
    },
    open,
    fetch,
    async fetchAll() {
      await Promise.all(link.fetchable(store.get()).map(fetch));
    },
    /** @param {number} index */
    cancel(index) {
      void engine.call("cancel", { index });
    },
    /**
     * @param {ReportReason} reason
     * @param {string} text
     */
    async report(reason, text) {
      await engine.call("report", { reason, text });
    },
  });
}
