/** @import { Child, Component } from "./dom.js" */
import { h } from "./dom.js";

/**
 * A form that is sent once at a time and says above its button why it failed.
 * @param {object} options
 * @param {Child[]} options.fields
 * @param {Component<{ busy?: boolean }>} options.submit the button that shows that it works
 * @param {Child[]} [options.after] below the button
 * @param {() => Promise<void>} options.onSubmit
 * @param {(error: unknown) => string} options.errorText "" when the field already says it
 * @returns {{ el: HTMLFormElement, submit: () => Promise<void> }}
 */
export function form({ fields, submit, after = [], onSubmit, errorText }) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const el = h(
    "form",
    { class: "form", novalidate: true },
    ...fields,
    problem,
    submit.el,
    ...after,
  );
  let busy = false;

  /** @param {string} text */
  function showProblem(text) {
    problem.hidden = text === "";
    problem.textContent = text;
    // Below the edge of a phone nobody would read it.
    if (text !== "") problem.scrollIntoView({ block: "nearest" });
  }

  async function send() {
    if (busy) return;
    busy = true;
    submit.update({ busy });
    showProblem("");
    try {
      await onSubmit();
    } catch (error) {
      showProblem(errorText(error));
    } finally {
      busy = false;
      submit.update({ busy });
    }
  }
  el.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  return { el, submit: send };
}

/**
 * Thrown by `onSubmit` when a field has already said what is wrong: nothing is sent, nothing more is said.
 */
export class Unsent extends Error {}
