// What grows on the page: plain text, and an answer, whose finished blocks are the server's HTML.

import { addCopyButtons } from "../page/copy_code.js";
import { fragment } from "../page/http.js";
import { part } from "../page/page.js";

// A piece this long, in UTF-16 units, is left alone: when text arrives, only what follows it is laid out again.
const PIECE = 4000;
const FENCE = /^ {0,3}(```|~~~)/;
const LONGEST_FENCE = 6;
const BLOCKS_IN_PASSAGE = 16;

/** Appending costs only what is appended: what is already on the page is never read or written again. */
export class GrowingText {
  #waiting = [];
  #box;
  #last;
  #skipped = 0;

  constructor(box) {
    this.#box = box;
    this.#begin(box.textContent);
  }

  add(text) {
    this.#waiting.push(text);
  }

  flush() {
    let grown = this.#waiting.join("");
    this.#waiting = [];
    if (!this.#box.firstChild.length) grown = this.#withoutBlankLines(grown);
    if (this.#last.length > PIECE) grown = this.#beginPiece(grown);
    this.#last.appendData(grown);
  }

  /** Remove this many code points from the front. */
  drop(count) {
    const text = this.#box.textContent;
    let units = 0;
    for (const character of text) {
      if (count-- <= this.#skipped) break;
      units += character.length;
    }
    this.#skipped = 0;
    this.#begin(text.slice(units));
  }

  head(length) {
    return this.#box.firstChild.substringData(0, length);
  }

  #begin(text) {
    this.#last = new Text(this.#withoutBlankLines(text));
    this.#box.replaceChildren(this.#last);
  }

  #withoutBlankLines(text) {
    const rest = text.replace(/^[\r\n]+/, "");
    this.#skipped += text.length - rest.length;
    return rest;
  }

  #beginPiece(grown) {
    const lineEnd = grown.indexOf("\n") + 1;
    this.#last.appendData(grown.slice(0, lineEnd));
    // A new block element would break an unfinished line; a new text node does not.
    const place = lineEnd ? this.#box.appendChild(document.createElement("div")) : this.#last.parentNode;
    this.#last = place.appendChild(new Text());
    return grown.slice(lineEnd);
  }
}

/** Blocks are not touched again once they are on the page; the tail after them is plain text. */
export class GrowingAnswer {
  #tail;
  #place;
  #from;
  #passage;
  #blocks = [];

  constructor(box) {
    const tail = part(box, "tail");
    this.#from = Number(tail.dataset.from);
    this.#tail = new GrowingText(tail);
    this.#place = tail.parentNode;
  }

  add(text) {
    this.#tail.add(text);
  }

  /** After a reconnect, some blocks may arrive a second time. */
  addBlock(block) {
    if (block.from === this.#end) this.#blocks.push(block);
  }

  get #end() {
    return this.#blocks.at(-1)?.to ?? this.#from;
  }

  flush() {
    this.#tail.flush();
    if (this.#blocks.length) this.#finishBlocks();
    this.#place.classList.toggle("tail-code", FENCE.test(this.#tail.head(LONGEST_FENCE)));
  }

  #finishBlocks() {
    this.#tail.drop(this.#end - this.#from);
    const html = fragment(this.#blocks.map((block) => block.html).join(""));
    addCopyButtons(html);
    this.#put(html);
    this.#from = this.#end;
    this.#blocks = [];
  }

  /** Put blocks into passages: one that has left the screen is neither laid out nor painted again. */
  #put(html) {
    if (!(this.#passage?.childElementCount < BLOCKS_IN_PASSAGE)) this.#beginPassage();
    this.#passage.append(html);
  }

  #beginPassage() {
    // Only now: the browser would have to guess the height of what has never been on the screen.
    this.#passage?.classList.add("settled");
    this.#passage = document.createElement("div");
    this.#passage.className = "passage";
    this.#place.before(this.#passage);
  }
}
