// The list of messages: more of it where one scrolls to its rim, other versions, deleting and bringing back.
// The server renders whatever is shown; without scripts all of this are links and plain forms.

import { enhance } from "./enhance.js";
import { getHtml, postForHtml } from "./http.js";
import { announce, notice, sentenceOf, text } from "./page.js";

// So far from the rim more is asked for, that nobody waits for it.
const NEAR = "1200px 0px";
const OPPOSITE = { before: "after", after: "before" };

export class Messages {
  list = document.getElementById("messages");
  #rims = new IntersectionObserver((entries) => this.#onRim(entries), { rootMargin: NEAR });

  constructor() {
    this.list.addEventListener("click", (event) => this.#onClick(event));
    this.list.addEventListener("submit", (event) => this.#onSubmit(event));
    // It does not bubble.
    this.list.addEventListener("toggle", (event) => showWhole(event.target), { capture: true });
    this.#watchRims();
  }

  /** In the place of all that is shown, but for what is being typed. */
  replace(fresh) {
    enhance(fresh);
    const edited = this.list.querySelectorAll("li:has(form.edit)");
    this.list.replaceChildren(...fresh.firstElementChild.children);
    edited.forEach((item) => document.getElementById(item.id)?.replaceWith(item));
    this.#watchRims();
  }

  /** Whether the page shows what the server has: perhaps more of it, but nothing else. */
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
    // Without an answer the link stays what it is: one may press it.
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

  // --- What one does with a message ------------------------------------------------------------------------------------

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

  /** `find`: what is then to stand where `item` stood; it is returned, or nothing after an error. */
  async #act(url, item, find) {
    try {
      const fresh = await postForHtml(`${url}?fragment=messages`);
      const top = topOf(item);
      this.replace(fresh);
      // What the address names is what is read now.
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

/** What was unfolded may be below the rim of the screen. */
const showWhole = (details) => details.open && details.scrollIntoView({ block: "nearest" });
const idsOf = (list) => Array.from(list.querySelectorAll(".message"), (item) => item.id);
const itemOf = (message, list) => list.querySelector(`#message-${message}`);
const topOf = (element) => element.getBoundingClientRect().top;
const keepAt = (element, top) => window.scrollBy({ top: topOf(element) - top, behavior: "instant" });
const focusOn = (element) => element?.focus({ preventScroll: true });
