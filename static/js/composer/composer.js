// The message field: sends, stops, and never loses what was typed.

import { newId } from "../page/http.js";
import { address, clearNotice, grow, isSendKey, part, text } from "../page/page.js";
import { Drafts } from "./drafts.js";
import { Queue } from "./queue.js";

export class Composer {
  #form = document.getElementById("composer");
  #field = document.getElementById("question");
  #button = part(this.#form, "send");
  #stop = part(this.#form, "stop");
  #drafts;
  #queue;
  #sending = null;
  #failed;
  #actions;

  /** `actions`: {send(text, requestId), stop()}. */
  constructor(conversation, actions) {
    this.#actions = actions;
    this.#drafts = new Drafts(document.body.dataset.user, conversation);
    this.#queue = new Queue(this.#drafts, {
      send: (question, request) => this.#send(question, request),
      giveBack: (question) => this.#takeBack(question),
      stop: () => this.#onStop(),
    });
    this.#restore(conversation);
    this.#listen();
    // This form is only for browsers without scripts, while a reply is being written.
    document.getElementById("stop-form")?.remove();
    this.#form.hidden = false;
  }

  set running(running) {
    const wasFocused = this.#stop === document.activeElement;
    this.#stop.hidden = !running;
    this.#stop.disabled = false;
    this.#form.toggleAttribute("data-running", running);
    this.#button.title = this.#button.ariaLabel = text(running ? "sendAfter" : "send");
    if (wasFocused && !running) this.#field.focus();
  }

  get running() {
    return !this.#stop.hidden;
  }

  /** The question has reached the server, in this conversation. */
  confirm(conversation) {
    this.#sending = this.#failed = null;
    this.#drafts.sent(conversation);
    this.#form.action = address("conversation", conversation);
  }

  /**
   * The question did not reach the server: put it back into the field, before what has been typed since.
   * `perhapsArrived`: it may have; if it is sent again, it must be the same request. Returns false if nothing was sent.
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

  /** The answer has ended in some way: send the queued question, or put it back into the field. */
  release(status) {
    if (!this.running) this.#queue.release(status);
  }

  /** Restore the queued question after a reload. `running`: an answer is still being written. */
  restoreQueue(state) {
    this.#queue.restore(state);
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
    // What the server kept is newer.
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
    // The button that saves the settings as a preset: it leads to another page.
    if (event.submitter?.hasAttribute("formaction")) return;
    const question = this.#field.value;
    if (!question.trim()) return event.preventDefault();
    const request = this.#failed?.text === question ? this.#failed.request : newId();
    if (this.#leavesThePage(request)) return this.#drafts.sending(question, request, "");
    event.preventDefault();
    this.#show("");
    if (this.running) return this.#wait(question);
    this.#send(question, request);
  }

  /** If the page does not show the end of the branch, submit the plain form, which leads there. */
  #leavesThePage(request) {
    this.#form.elements.request_id.value = request;
    return this.#form.elements.parent || document.querySelector('#messages [data-more="after"]');
  }

  #send(question, request) {
    this.#sending = { text: question, request };
    this.#drafts.sending(question, request, this.#field.value);
    clearNotice();
    this.#actions.send(question, request);
  }

  #wait(question) {
    this.#drafts.typed("");
    this.#queue.add(question);
  }

  /** Put a question back into the field, before what has been typed since. */
  #takeBack(question) {
    this.#show([question, this.#field.value].filter(Boolean).join("\n\n"));
    this.#drafts.typed(this.#field.value);
    this.#field.focus();
  }

  #onKey(event) {
    if (!isSendKey(event)) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #onInput() {
    this.#drafts.typed(this.#field.value);
    grow(this.#field);
  }

  #onStop() {
    this.#stop.disabled = true;
    this.#actions.stop();
  }

  #show(value) {
    this.#field.value = value;
    grow(this.#field);
  }
}
