// A question sent while an answer is being written: it is shown below the answer and sent when the answer has ended.

import { newId } from "../page/http.js";
import { announce, part, text } from "../page/page.js";
import { follow } from "../page/scroll.js";

// After these endings the question still makes sense; after any other, the reader should decide.
const GOES_OUT_AFTER = new Set(["complete", "truncated", "filtered", null]);

export class Queue {
  #box = document.getElementById("queued");
  #drafts;
  #waiting = null;
  #isUrgent = false;
  #actions;

  /** `actions`: {send(text, request), giveBack(text), stop()}. */
  constructor(drafts, actions) {
    this.#drafts = drafts;
    this.#actions = actions;
    part(this.#box, "edit").addEventListener("click", () => this.#giveBack());
    part(this.#box, "cancel").addEventListener("click", () => this.#cancel());
    part(this.#box, "now").addEventListener("click", () => this.#sendNow());
    // Another tab with the same conversation may have cancelled or sent it.
    addEventListener("storage", () => this.#waiting && !this.#drafts.restore().queued && this.#show(null));
  }

  add(question) {
    const questions = [this.#waiting?.text, question].filter(Boolean);
    this.#keep({ text: questions.join("\n\n"), request: newId() });
    announce(text("queued"));
    follow();
  }

  /** Restore the question after a reload. If no answer is being written any more, it goes back into the field. */
  restore({ running }) {
    const { queued } = this.#drafts.restore();
    if (!queued) return;
    this.#show(queued);
    if (!running) this.#giveBack();
  }

  /** The answer above has ended: send the question, or put it back into the field. */
  release(status) {
    const waiting = this.#waiting;
    if (!waiting) return;
    const goesOut = this.#isUrgent || GOES_OUT_AFTER.has(status);
    if (!goesOut) return this.#giveBack();
    this.#show(null);
    this.#actions.send(waiting.text, waiting.request);
  }

  #sendNow() {
    this.#isUrgent = true;
    part(this.#box, "now").disabled = true;
    this.#actions.stop();
  }

  #giveBack() {
    const waiting = this.#waiting;
    this.#keep(null);
    this.#actions.giveBack(waiting.text);
  }

  #cancel() {
    this.#keep(null);
    announce(text("unqueued"));
    this.#actions.giveBack("");
  }

  #keep(waiting) {
    this.#drafts.queued(waiting);
    this.#show(waiting);
  }

  #show(waiting) {
    this.#waiting = waiting;
    this.#isUrgent = false;
    part(this.#box, "now").disabled = false;
    part(this.#box, "text").textContent = waiting?.text ?? "";
    this.#box.hidden = !waiting;
  }
}
