// Choosing the model: a select holds the value that is sent; a searchable list is shown in its place.

import { part } from "../page/page.js";

// A list this short needs no search.
const FEW = 8;

export class Models {
  #box = document.getElementById("models");
  #select = document.getElementById("model");
  #button = part(this.#box, "models-button");
  #popup = part(this.#box, "models-box");
  #search = part(this.#box, "models-search");
  #list = document.getElementById("models-list");
  #active = null;

  constructor() {
    this.#list.append(...[...this.#select.options].map((option) => this.#item(option)));
    this.#search.hidden = this.#select.length <= FEW;
    this.#button.disabled = this.#select.length < 2;
    this.#select.hidden = true;
    this.#button.hidden = false;
    this.#listen();
    this.#show();
  }

  #item(option, number) {
    const item = this.#popup.querySelector("template").content.firstElementChild.cloneNode(true);
    item.id = `model-${number}`;
    item.textContent = option.text;
    item.dataset.value = option.value;
    return item;
  }

  #listen() {
    this.#button.addEventListener("click", () => (this.#isOpen ? this.#close() : this.#open()));
    this.#button.addEventListener("keydown", (event) => this.#onButtonKey(event));
    this.#search.addEventListener("input", () => this.#filter());
    this.#popup.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", (event) => this.#choose(event.target.closest("li")));
    this.#list.addEventListener("pointermove", (event) => this.#activate(event.target.closest("li")));
    this.#box.addEventListener("focusout", (event) => this.#box.contains(event.relatedTarget) || this.#close());
    // Browsers restore the choice after a reload without firing an event.
    addEventListener("pageshow", () => this.#show());
  }

  get #isOpen() {
    return !this.#popup.hidden;
  }

  get #shown() {
    return [...this.#list.children].filter((item) => !item.hidden);
  }

  #open() {
    this.#search.value = "";
    this.#popup.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#filter();
    this.#activate(this.#list.querySelector('[aria-selected="true"]'), { scrolls: true });
    // On a phone, the keyboard would cover the list.
    const searches = !this.#search.hidden && !matchMedia("(pointer: coarse)").matches;
    (searches ? this.#search : this.#list).focus({ preventScroll: true });
  }

  #close() {
    this.#popup.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
  }

  #filter() {
    const words = this.#search.value.toLowerCase().split(/\s+/);
    for (const item of this.#list.children) {
      item.hidden = !words.every((word) => item.textContent.toLowerCase().includes(word));
    }
    const shown = this.#shown;
    part(this.#popup, "no-models").hidden = shown.length > 0;
    this.#activate(shown.includes(this.#active) ? this.#active : shown[0]);
  }

  #activate(item, { scrolls = false } = {}) {
    if (item === null && !scrolls) return;
    this.#active?.removeAttribute("data-active");
    this.#active = item ?? null;
    this.#active?.setAttribute("data-active", "");
    for (const element of [this.#search, this.#list]) element.setAttribute("aria-activedescendant", item?.id ?? "");
    if (scrolls) this.#active?.scrollIntoView({ block: "nearest" });
  }

  #choose(item) {
    if (!item) return;
    this.#select.value = item.dataset.value;
    this.#show();
    this.#close();
    this.#button.focus();
  }

  #show() {
    const option = this.#select.selectedOptions[0];
    part(this.#button, "model-name").textContent = option?.text ?? "";
    this.#button.title = option?.text ?? "";
    this.#button.toggleAttribute("data-gone", option?.hasAttribute("data-gone") ?? false);
    for (const item of this.#list.children) item.setAttribute("aria-selected", item.dataset.value === option?.value);
  }

  #onButtonKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    this.#open();
  }

  #onKey(event) {
    const shown = this.#shown;
    const here = shown.indexOf(this.#active);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: shown.length - 1 }[event.key];
    const inText = event.target === this.#search && (event.key === "Home" || event.key === "End");
    if (event.key === "Escape") this.#leave(event);
    else if (event.key === "Enter") this.#take(event);
    else if (to !== undefined && !inText) this.#step(event, shown.at(to % shown.length));
  }

  #step(event, item) {
    event.preventDefault();
    this.#activate(item, { scrolls: true });
  }

  #take(event) {
    event.preventDefault();
    this.#choose(this.#active);
  }

  /** Escape closes only this list: other listeners must not get it. */
  #leave(event) {
    event.stopPropagation();
    this.#close();
    this.#button.focus();
  }
}
