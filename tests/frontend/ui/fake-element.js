/** The five DOM operations that a keyed list needs, with the semantics of the standard. */
export class FakeElement {
  text = "";
  inserts = 0;
  /** @type {FakeElement | null} */
  parent = null;
  /** @type {FakeElement[]} */
  children = [];

  get firstChild() {
    return this.children[0] ?? null;
  }

  get nextSibling() {
    const siblings = this.parent?.children ?? [];
    return siblings[siblings.indexOf(this) + 1] ?? null;
  }

  /**
   * @param {FakeElement} child
   * @param {FakeElement | null} before
   */
  insertBefore(child, before) {
    child.remove();
    const index = before === null ? this.children.length : this.children.indexOf(before);
    if (index < 0) throw new Error("NotFoundError");
    this.children.splice(index, 0, child);
    child.parent = this;
    this.inserts += 1;
  }

  remove() {
    if (this.parent === null) return;
    this.parent.children = this.parent.children.filter((el) => el !== this);
    this.parent = null;
  }
}
