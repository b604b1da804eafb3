// One answer on the page while it grows; at its end the server's own rendering takes its place.

import { backOff, getHtml, sleep } from "./http.js";
import { announce, localTimes, part, text } from "./page.js";
import { follow } from "./scroll.js";

// So long a block, in UTF-16 units, is left alone: only what follows it is laid out again when text comes.
const BLOCK = 4000;
const SWAP_ATTEMPTS = 4;

/** Appending costs what is appended: what is on the page already is never read or written again. */
class GrowingText {
  #waiting = [];
  #box;
  #tail;

  constructor(box) {
    this.#box = box;
    this.#tail = box.lastChild ?? box.appendChild(new Text());
  }

  add(text) {
    this.#waiting.push(text);
  }

  flush() {
    let grown = this.#waiting.join("");
    this.#waiting = [];
    if (this.#tail.length > BLOCK) grown = this.#beginBlock(grown);
    this.#tail.appendData(grown);
  }

  #beginBlock(grown) {
    const lineEnd = grown.indexOf("\n") + 1;
    this.#tail.appendData(grown.slice(0, lineEnd));
    // A new block would break a line that goes on; a new node does not.
    const place = lineEnd ? this.#box.appendChild(document.createElement("div")) : this.#tail.parentNode;
    this.#tail = place.appendChild(new Text());
    return grown.slice(lineEnd);
  }
}

export class Reply {
  #frame = 0;

  constructor(item) {
    this.item = item;
    this.reasoning = new GrowingText(part(item, "reasoning"));
    this.answer = new GrowingText(part(item, "answer"));
  }

  hear(event) {
    if (event.type === "reasoning") this.#grow(this.reasoning, event.text, "thinking");
    if (event.type === "delta") this.#grow(this.answer, event.text);
    if (event.type === "retrying") this.#wait(`${text("retrying")} (${event.attempt})`);
  }

  #grow(growing, grown, waiting) {
    growing.add(grown);
    if (waiting) part(this.item, "reasoning-box").hidden = false;
    this.#wait(waiting && text(waiting));
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** What stands where the answer will be; nothing, once it is there. */
  #wait(sentence) {
    const waiting = part(this.item, "waiting");
    if (sentence && waiting.hidden) return;
    waiting.hidden = !sentence;
    const line = part(waiting, "waiting-text");
    if (sentence && line.textContent !== sentence) line.textContent = sentence;
  }

  #draw() {
    this.#frame = 0;
    this.reasoning.flush();
    this.answer.flush();
    follow();
  }

  /** HTML has one author: what was streamed gives way to the message as the server renders it. */
  async finish(conversation, end) {
    this.#draw();
    this.#wait("");
    announce(end.message || text("finished"));
    const fresh = await this.#stored(conversation);
    if (fresh) this.#swapFor(fresh);
    else this.#tell(end);
    follow();
  }

  async #stored(conversation) {
    const url = `/chat/${conversation}/messages/${this.item.dataset.reply}/`;
    for (let attempt = 0; attempt < SWAP_ATTEMPTS; attempt++) {
      try {
        return (await getHtml(url)).firstElementChild;
      } catch (error) {
        if (error.status === 404) return location.reload();
        await sleep(backOff(attempt));
      }
    }
    return null;
  }

  #swapFor(fresh) {
    const wasOpen = part(this.item, "reasoning-box").open;
    part(fresh, "reasoning-box").open ||= wasOpen;
    localTimes(fresh);
    this.item.replaceWith(fresh);
    this.item = fresh;
  }

  #tell(end) {
    this.item.dataset.status = end.status ?? "interrupted";
    const line = document.createElement("p");
    line.className = "ending";
    line.textContent = [end.message, text("notSwapped")].filter(Boolean).join(" ");
    this.item.append(line);
  }
}
