// The list of messages: loads more when scrolled to an edge, shows other versions, deletes and restores.
// The server renders everything that is shown; without scripts, these are links and plain forms.

import { enhance } from "./enhance.js";
import { getHtml, postForHtml } from "./http.js";
import { announce, notice, sentenceOf, text } from "./page.js";

// Load more this far before the edge, so that nobody has to wait for it.
const NEAR = "1200px 0px";
const OPPOSITE = { before: "after", after: "before" };

export class Messages {
  list = document.getElementById("messages");
  #rims = new IntersectionObserver((entries) => this.#onRim(entries), { rootMargin: NEAR });

  constructor() {
    this.list.addEventListener("click", (event) => this.#onClick(event));
    this.list.addEventListener("submit", (event) => this.#onSubmit(event));
    // The event does not bubble.
    this.list.addEventListener("toggle", (event) => showWhole(event.target), { capture: true });
    this.#watchRims();
  }

  /** Replace everything that is shown, except a question that is being edited. */
  replace(fresh) {
    enhance(fresh);
    const edited = this.list.querySelectorAll("li:has(form.edit)");
    this.list.replaceChildren(...fresh.firstElementChild.children);
    edited.forEach((item) => document.getElementById(item.id)?.replaceWith(item));
    this.#watchRims();
  }

  /** Return whether the page shows what the server has: perhaps more of it, but nothing else. */
  agreesWith(fresh) {
    const [here, there] = [idsOf(this.list), idsOf(fresh)];
    const isAtEnd = this.list.querySelector('[data-more="after"]') || here.at(-1) === there.at(-1);
    return isAtEnd && here.join().includes(there.join());
  }

  // --- Long conversations --------------------------------------------------------------------------------------------

  #watchRims() {
    this.#rims.disconnect();
    this.list.querySelectorAll("[data-more]").forEach((link) => this.#rims.observe(link));
  }

  #onRim(entries) {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => this.#load(entry.target));
  }

  async #load(link) {
    if (link.ariaBusy) return;
    link.ariaBusy = "true";
    const fresh = await getHtml(`${link.search}&fragment=messages`).catch(() => null);
    link.ariaBusy = null;
    // Without an answer the link stays as it is, and can be clicked.
    if (!fresh || !link.isConnected) return;
    fresh.querySelector(`[data-more="${OPPOSITE[link.dataset.more]}"]`)?.closest("li").remove();
    enhance(fresh);
    const rim = link.closest("li");
    const neighbour = link.dataset.more === "before" && rim.nextElementSibling;
    const top = neighbour && topOf(neighbour);
    rim.replaceWith(...fresh.firstElementChild.children);
    if (neighbour) keepAt(neighbour, top);
    this.#watchRims();
  }

  // --- Actions on a message ------------------------------------------------------------------------------------------

  #onClick(event) {
    const link = event.target.closest("[data-delete], [data-more]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if ("more" in link.dataset) this.#load(link);
    else this.#delete(link);
  }

  #onSubmit(event) {
    const button = event.submitter;
    if (!button?.matches("[data-version], [data-undo]")) return;
    event.preventDefault();
    if ("undo" in button.dataset) this.#restore(button);
    else this.#show(button);
  }

  async #show(button) {
    const { version, message } = button.dataset;
    const shown = await this.#act(button.formAction, button.closest("li"), (list) => itemOf(message, list));
    const versions = shown?.querySelector(".versions");
    if (!versions) return;
    announce(versions.textContent.trim());
    const other = OPPOSITE[version];
    focusOn(versions.querySelector(`[data-version="${version}"]:enabled, [data-version="${other}"]:enabled`));
  }

  async #delete(link) {
    const gap = await this.#act(link.href, link.closest("li"), (list) => list.querySelector(".deleted"));
    if (!gap) return;
    announce(text("pairDeleted"));
    focusOn(gap.querySelector("button"));
  }

  async #restore(button) {
    const find = (list) => itemOf(button.dataset.undo, list);
    const restored = await this.#act(button.form.action, button.closest("li"), find);
    if (!restored) return;
    announce(text("pairRestored"));
    focusOn(restored.querySelector("[data-delete]"));
  }

  /** `find`: finds the element that should appear where `item` was. Returns that element, or null after an error. */
  async #act(url, item, find) {
    try {
      const fresh = await postForHtml(`${url}?fragment=messages`);
      const top = topOf(item);
      this.replace(fresh);
      // Any query in the address was about what was shown before.
      history.replaceState(null, "", location.pathname);
      const found = find(this.list);
      if (found) keepAt(found, top);
      return found;
    } catch (problem) {
      notice(sentenceOf(problem), { login: problem.status === 401 });
      return null;
    }
  }
}

/** Scroll an opened element into view: it may extend below the edge of the screen. */
const showWhole = (details) => details.open && details.scrollIntoView({ block: "nearest" });
const idsOf = (list) => Array.from(list.querySelectorAll(".message"), (item) => item.id);
const itemOf = (message, list) => list.querySelector(`#message-${message}`);
const topOf = (element) => element.getBoundingClientRect().top;
const keepAt = (element, top) => window.scrollBy({ top: topOf(element) - top, behavior: "instant" });
const focusOn = (element) => element?.focus({ preventScroll: true });
