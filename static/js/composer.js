// The field one types into: sends, stops, and never loses what was typed.

import { Drafts } from "./drafts.js";
import { newId } from "./http.js";
import { clearNotice, notice, part, text } from "./page.js";

// Where the keyboard is on the screen, Enter is needed for new lines and the button is under the thumb.
const enterSends = !matchMedia("(pointer: coarse)").matches;
const growsByItself = CSS.supports("field-sizing", "content");

export class Composer {
  #form = document.getElementById("composer");
  #field = document.getElementById("question");
  #send = part(this.#form, "send");
  #stop = part(this.#form, "stop");
  #drafts;
  #sending = null;
  #failed;
  #actions;

  /** `actions`: {send(text, requestId), stop()}. */
  constructor(conversation, actions) {
    this.#actions = actions;
    this.#drafts = new Drafts(document.body.dataset.user, conversation);
    this.#restore(conversation);
    this.#listen();
    // Without scripts there is only this form while a reply grows.
    document.getElementById("stop-form")?.remove();
    this.#form.hidden = false;
  }

  set running(running) {
    const wasFocused = this.#stop === document.activeElement;
    this.#stop.hidden = !running;
    this.#send.hidden = running;
    this.#stop.disabled = false;
    if (wasFocused && !running) this.#field.focus();
  }

  get running() {
    return !this.#stop.hidden;
  }

  /** What was sent is on the server, in this conversation. */
  confirm(conversation) {
    this.#sending = this.#failed = null;
    this.#drafts.sent(conversation);
    this.#form.action = `/chat/${conversation}/`;
  }

  /**
   * What was sent is not on the server: back into the field with it, before what was typed meanwhile.
   * `perhapsArrived`: nobody knows; sent again it is to be the same request. False if nothing was on its way.
   */
  giveBack({ perhapsArrived }) {
    const sending = this.#sending;
    if (!sending) return false;
    this.#sending = null;
    this.#failed = perhapsArrived ? sending : null;
    this.#show([sending.text, this.#field.value].filter(Boolean).join("\n\n"));
    this.#drafts.failed(this.#field.value, this.#failed);
    return true;
  }

  focusStop() {
    this.#stop.focus({ preventScroll: true });
  }

  #restore(conversation) {
    const { failed } = this.#drafts.restore();
    const arrived = failed && document.querySelector(`[data-request="${CSS.escape(failed.request)}"]`);
    if (arrived) this.#drafts.sent(conversation);
    const draft = this.#drafts.restore();
    this.#failed = draft.failed;
    // What the server has kept is newer.
    this.#show(this.#field.value || draft.text);
    this.#drafts.failed(this.#field.value, draft.failed);
  }

  #listen() {
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    this.#field.addEventListener("keydown", (event) => this.#onKey(event));
    this.#field.addEventListener("input", () => this.#onInput());
    this.#stop.addEventListener("click", () => this.#onStop());
    part(document, "again").addEventListener("click", () => this.#form.requestSubmit());
  }

  #submit(event) {
    // What has been set is to become a preset: that is another page.
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    const question = this.#field.value;
    if (!question.trim()) return;
    if (this.running) return notice(text("busy"));
    const request = this.#failed?.text === question ? this.#failed.request : newId();
    this.#sending = { text: question, request };
    this.#drafts.sending(question, request);
    this.#show("");
    clearNotice();
    this.#actions.send(question, request);
  }

  #onKey(event) {
    // While an input method composes, Enter chooses a word (Safari tells it only by the key code).
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing || !enterSends) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #onInput() {
    this.#drafts.typed(this.#field.value);
    this.#grow();
  }

  #onStop() {
    this.#stop.disabled = true;
    this.#actions.stop();
  }

  #show(value) {
    this.#field.value = value;
    this.#grow();
  }

  #grow() {
    if (growsByItself) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }
}
