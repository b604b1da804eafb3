// Editing a question in place. Escape leaves everything as it was.

import { getHtml } from "../page/http.js";
import { grow, isSendKey, part } from "../page/page.js";

export class Editing {
  /** The original item, by the item with the form that has replaced it. */
  #before = new WeakMap();

  constructor(list) {
    list.addEventListener("click", (event) => this.#onClick(event));
    list.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("input", (event) => event.target.closest(".edit") && grow(event.target));
  }

  #onClick(event) {
    const link = event.target.closest('[data-edit], .edit [data-part="cancel"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if ("edit" in link.dataset) this.#open(link);
    else this.#cancel(link);
  }

  #onKey(event) {
    const form = event.target.closest("form.edit");
    if (!form) return;
    if (event.key === "Escape") this.#cancel(part(form, "cancel"));
    else if (isSendKey(event)) form.requestSubmit();
    else return;
    event.preventDefault();
  }

  async #open(link) {
    const id = `message-${new URLSearchParams(link.search).get("edit")}`;
    const fresh = await getHtml(link.dataset.edit).catch(() => null);
    const item = document.getElementById(id);
    // The whole page can show the form too.
    if (!fresh || !item) return location.assign(link.href);
    const form = fresh.firstElementChild;
    this.#before.set(form, item);
    item.replaceWith(form);
    const field = form.querySelector("textarea");
    grow(field);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  #cancel(link) {
    const form = link.closest("li");
    const item = this.#before.get(form);
    if (!item) return location.assign(link.href);
    form.replaceWith(item);
    item.querySelector("[data-edit]").focus();
  }
}
