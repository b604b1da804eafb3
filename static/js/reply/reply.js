// One answer on the page while it grows; at its end, the server's rendering takes its place.

import { enhance } from "../page/enhance.js";
import { backOff, getHtml, sleep } from "../page/http.js";
import { address, announce, part, text } from "../page/page.js";
import { follow } from "../page/scroll.js";
import { GrowingAnswer, GrowingText } from "./growing.js";
import { morph } from "./morph.js";

const FETCH_ATTEMPTS = 4;
// The pause between two updates of the page: each costs as much for a letter as for a line.
const REST_MS = 30;

// The server has less of such an answer than the page.
const NOT_STORED = ["not_stored", "storage_full"];

export class Reply {
  #frame = 0;
  #clock = 0;

  constructor(item) {
    this.item = item;
    this.reasoning = new GrowingText(part(item, "reasoning"));
    this.answer = new GrowingAnswer(part(item, "answer"));
    // Looked up only once: the search has to pass through the whole answer.
    this.waiting = part(item, "waiting");
  }

  hear(event) {
    if (event.type === "reasoning") this.#grow(this.reasoning, event.text, "thinking");
    if (event.type === "delta") this.#grow(this.answer, event.text);
    if (event.type === "block") this.#finishBlock(event);
    if (event.type === "retrying") this.#countDown(event, Date.now() + event.in * 1000);
  }

  #grow(growing, grown, waiting) {
    growing.add(grown);
    if (waiting) part(this.item, "reasoning-box").hidden = false;
    this.#wait(waiting && text(waiting));
    this.#drawSoon();
  }

  #finishBlock(block) {
    this.answer.addBlock(block);
    this.#drawSoon();
  }

  #drawSoon() {
    this.#frame ||= setTimeout(() => requestAnimationFrame(() => this.#draw()), REST_MS);
  }

  #countDown(event, until) {
    const seconds = Math.ceil((until - Date.now()) / 1000);
    const what = seconds > 1 ? text("retryingIn").replace("{seconds}", seconds) : text("retrying");
    this.#wait(`${event.message} ${what}`);
    if (seconds > 1) this.#clock = setTimeout(() => this.#countDown(event, until), 1000);
  }

  /** What stands where the answer will be; nothing, once it is there. */
  #wait(sentence) {
    clearTimeout(this.#clock);
    if (this.waiting.hidden) return;
    this.waiting.hidden = !sentence;
    const line = part(this.waiting, "waiting-text");
    if (sentence && line.textContent !== sentence) line.textContent = sentence;
  }

  #draw() {
    this.#frame = 0;
    this.reasoning.flush();
    this.answer.flush();
    follow();
  }

  /** Replace what was streamed with the message as the server renders it: all HTML comes from one place. */
  async finish(conversation, end) {
    this.#draw();
    this.#wait("");
    announce(end.message || text("finished"));
    const isStored = !NOT_STORED.includes(end.code);
    const fresh = isStored && (await this.#stored(conversation));
    if (fresh) this.#morphInto(fresh);
    else this.#tell(end, isStored && text("notSwapped"));
    follow();
  }

  async #stored(conversation) {
    const url = address("message", conversation, this.item.dataset.reply);
    for (let attempt = 0; attempt < FETCH_ATTEMPTS; attempt++) {
      try {
        return (await getHtml(url)).firstElementChild;
      } catch (error) {
        if (error.status === 404) return location.reload();
        await sleep(backOff(attempt));
      }
    }
    return null;
  }

  #morphInto(fresh) {
    const wasOpen = part(this.item, "reasoning-box").open;
    part(fresh, "reasoning-box").open ||= wasOpen;
    enhance(fresh);
    // The continued answer and its continuation are one text now.
    part(this.item, "answer").prepend(...part(this.item, "before").children);
    morph(this.item, fresh);
  }

  #tell(end, advice) {
    this.item.dataset.status = end.status ?? "interrupted";
    const line = document.createElement("p");
    line.className = "ending";
    line.textContent = [end.message, advice].filter(Boolean).join(" ");
    this.item.append(line);
  }
}
