/** Things to undo when a view, a connection or an engine ends. */

/** Collects undo functions; runs them once, last added first. */
export class Disposables {
  /** @type {(() => void)[]} */
  #undo = [];
  #disposed = false;

  /**
   * Remember an undo function; after `dispose` it runs at once, so nothing added late can leak.
   * @param {() => void} undo
   */
  add(undo) {
    if (this.#disposed) undo();
    else this.#undo.push(undo);
  }

  /**
   * Listen on a target until disposal.
   * @param {EventTarget} target
   * @param {string} type
   * @param {(event: any) => void} listener any: the DOM maps type to event class, we do not
   * @param {AddEventListenerOptions} [options]
   */
  listen(target, type, listener, options) {
    target.addEventListener(type, listener, options);
    this.add(() => target.removeEventListener(type, listener, options));
  }

  /** Undo everything, even when one of the functions throws; the first error is thrown at the end. */
  dispose() {
    this.#disposed = true;
    /** @type {unknown[]} */
    const errors = [];
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
