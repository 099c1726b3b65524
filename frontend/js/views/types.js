/**
 * What every view gets, and what it gives back.
 *
 * A view is a function of the `App`. Account screens return an `AccountScreen` and stand alone in the page; the four
 * destinations after log-in return a `Screen` whose panes stand in the shell. A screen lives as long as its destination
 * is shown, so the list beside a conversation keeps its scroll; `show` tells it the exact route.
 */

/** @import { Engine } from "../session/types.js" */
/** @import { State } from "../state/state.js" */
/** @import { Store } from "../state/store.js" */
/** @import { Appearance } from "../ui/appearance.js" */
/** @import { PaneName } from "../ui/shell.js" */
/** @import { Toast } from "../ui/toast.js" */
/** @import { createRouter, Route } from "../ui/router.js" */

/**
 * @typedef {object} App
 * @property {Engine} engine
 * @property {Store<State>} store
 * @property {ReturnType<typeof createRouter>} router see routes.js for the names
 * @property {(toast: Toast) => void} toast
 * @property {() => number} nowMs
 * @property {() => Appearance} appearance
 * @property {(change: Partial<Appearance>) => Promise<void>} setAppearance applied at once; a language draws the page anew
 * @property {string} version of Sealroom
 * @property {string} build hash of all files of the page, as served
 */

/** @typedef {{ el: HTMLElement, destroy: () => void }} AccountScreen */

/** @typedef {{ pane: PaneName, layout: "split" | "page", details: boolean }} Arrangement */
/**
 * @typedef {object} Screen
 * @property {Partial<Record<PaneName, HTMLElement>>} panes
 * @property {(route: Route) => Arrangement} show idempotent; called on every change of the route within the destination
 * @property {() => void} destroy
 */

export {};
