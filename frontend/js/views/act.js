/** @import { App } from "./types.js" */
/** @import { EngineCalls } from "../session/types.js" */
import { errorText } from "./error-text.js";

/**
 * Ask the engine for something and say in a toast how it went.
 * @template {keyof EngineCalls} Name
 * @param {App} app
 * @param {Name} name
 * @param {EngineCalls[Name][0]} argument
 * @param {string} [done] what to say on success; nothing when left out
 * @returns {Promise<EngineCalls[Name][1] | null>} null when it failed, which has been said
 */
export async function act(app, name, argument, done) {
  try {
    const result = await app.engine.call(name, argument);
    if (done !== undefined) app.toast({ text: done });
    return result;
  } catch (error) {
    app.toast({ kind: "error", text: errorText(error) });
    return null;
  }
}
