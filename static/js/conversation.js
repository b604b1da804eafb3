// The conversation on the page: asks, retries, stops, and resumes an answer that is being written.

import { Choices } from "./composer/choices.js";
import { Composer } from "./composer/composer.js";
import { Editing } from "./composer/editing.js";
import { currentTitle, refreshSidebar } from "./list/sidebar.js";
import { watchCopying } from "./page/copy_message.js";
import { enhance } from "./page/enhance.js";
import { getHtml, post } from "./page/http.js";
import { Messages } from "./page/messages.js";
import {
  address,
  announce,
  clearNotice,
  connection,
  fromTemplate,
  notice,
  part,
  sentenceOf,
  text,
} from "./page/page.js";
import { follow, toBottom } from "./page/scroll.js";
import { Reply } from "./reply/reply.js";
import { Stream } from "./reply/stream.js";

// Sending the same thing again would be refused again.
const HOPELESS = new Set([400, 404, 413]);

export class Conversation {
  #id = document.body.dataset.conversation;
  #messages = new Messages();
  #list = this.#messages.list;
  #choices = new Choices();
  #composer;
  #stream;
  #request;

  constructor() {
    this.#composer = new Composer(this.#id, {
      send: (question, request) => this.#ask(question, request),
      stop: () => this.#stop(),
    });
    new Editing(this.#list);
    watchCopying(this.#list);
    this.#list.addEventListener("submit", (event) => this.#onSubmit(event));
    this.#attachToRunning();
    this.#composer.restoreQueue({ running: this.#composer.running });
  }

  get id() {
    return this.#id;
  }

  /** False for an interrupted reply: its writer may only have been cut off, and may still replace that ending. */
  shows(reply) {
    const item = document.getElementById(`message-${reply}`);
    return Boolean(item) && item.dataset.status !== "interrupted";
  }

  /**
   * Another tab or device has changed this conversation: show the messages as the server has them, and the answer as
   * it grows. Returns false if this is not possible right now.
   */
  async catchUp(leaf) {
    // This tab's own question, or an answer that is just ending, comes first.
    if (this.#composer.running) return this.shows(leaf);
    const { pathname, search } = location;
    const fresh = await getHtml(`${pathname}${search ? `${search}&` : "?"}fragment=messages`).catch(() => null);
    if (!fresh || this.#composer.running) return false;
    if (this.shows(leaf) && this.#messages.agreesWith(fresh)) return true;
    this.#messages.replace(fresh);
    follow();
    this.#attachToRunning();
    return true;
  }

  /** Take the title from the list of conversations, which has the newest one. */
  retitle() {
    const title = currentTitle();
    if (!title) return;
    document.getElementById("title").textContent = title;
    document.title = `${title} · ${document.title.split(" · ").at(-1)}`;
  }

  #attachToRunning() {
    const running = this.#list.querySelector('[data-status="streaming"]');
    if (running) this.#attach(running);
  }

  #ask(question, request) {
    const added = [newQuestion(question), fromTemplate("new-answer")];
    this.#begin({ request_id: request, conversation: this.#id || undefined, text: question }, added, []);
  }

  /** Retry, continue or edit: the new messages replace everything that followed. */
  #onSubmit(event) {
    const fields = Object.fromEntries(new FormData(event.target));
    if (!(fields.retry || fields.continue || fields.edit)) return;
    event.preventDefault();
    if (this.#composer.running) return notice(text("busy"));
    const { request_id, retry, edit, text: question } = fields;
    const item = event.target.closest("li");
    const added = edit ? [newQuestion(question), fromTemplate("new-answer")] : [fromTemplate("new-answer")];
    if (fields.continue) part(added[0], "before").append(...part(item, "answer").cloneNode(true).childNodes);
    const body = { request_id, conversation: this.#id, retry, continue: fields.continue, edit, text: question };
    this.#begin(body, added, [item, ...itemsAfter(item)]);
    this.#composer.focusStop();
  }

  /** Show the new messages at once; undo that if the server refuses. */
  #begin(body, added, removed) {
    clearNotice();
    removed.forEach((item) => item.remove());
    this.#list.querySelector(".deleted")?.remove();
    this.#list.append(...added);
    toBottom();
    const takeBack = () => {
      added.forEach((item) => item.remove());
      this.#list.append(...removed);
      removed[0]?.querySelector("textarea")?.focus();
    };
    this.#request = body.request_id;
    this.#read(added, takeBack).ask({ ...this.#choices.of(body.request_id, !this.#id), ...body });
  }

  #attach(item) {
    this.#read([item]).attach(item.dataset.reply, item.dataset.cursor, part(item, "tail").dataset.from);
  }

  #read(items, takeBack) {
    const reply = new Reply(items.at(-1));
    this.#composer.running = true;
    this.#stream = new Stream({
      event: (event) => this.#hear(event, items, reply),
      state: (name) => this.#tell(name),
      refused: (problem) => this.#refused(problem, takeBack),
    });
    return this.#stream;
  }

  #hear(event, items, reply) {
    if (event.type === "start") this.#started(event, items);
    else if (event.type === "end") this.#ended(event, items, reply);
    else reply.hear(event);
  }

  #started(start, items) {
    const item = items.at(-1);
    if (item.dataset.reply === start.reply) return;
    item.dataset.reply = start.reply;
    item.id = `message-${start.reply}`;
    if (items.length > 1) items[0].id = `message-${start.question}`;
    announce(text("started"));
    this.#adopt(start.conversation);
  }

  /** A new conversation now has an address and a place in the list. */
  async #adopt(conversation) {
    this.#composer.confirm(conversation);
    // Any query in the address was about what was shown before.
    if (this.#id !== conversation || location.search) {
      this.#id = document.body.dataset.conversation = conversation;
      history.replaceState(null, "", address("conversation", conversation));
      this.#choices.renewSettings(conversation);
    }
    await refreshSidebar();
    this.retitle();
  }

  async #ended(end, items, reply) {
    this.#composer.running = false;
    connection();
    await Promise.all([reply.finish(this.#id, end), items.length > 1 && this.#renew(items[0])]);
    markNotSent(reply.item);
    this.#composer.release(end.status);
    refreshSidebar();
  }

  /** Replace the question that was shown at once with the server's, which has its buttons. */
  async #renew(item) {
    const url = address("message", this.#id, item.id.replace("message-", ""));
    const fresh = await getHtml(url).catch(() => null);
    if (!fresh) return;
    enhance(fresh);
    item.replaceWith(fresh);
  }

  #tell(state) {
    const sentences = { resending: "resending", reconnecting: "reconnecting" };
    connection(sentences[state] && text(sentences[state]));
    if (state === "loggedOut") notice(text("loggedOutReading"), { login: true });
    if (state === "live") clearNotice();
  }

  #refused(problem, takeBack) {
    this.#composer.running = false;
    const given = this.#composer.giveBack({ perhapsArrived: !problem.status });
    connection();
    takeBack();
    if (problem.status === 409) return this.#goTo(problem.reply);
    notice(sentenceOf(problem), {
      login: problem.status === 401,
      again: given && !HOPELESS.has(problem.status),
    });
  }

  /** Another tab has asked here: show that answer first; what was typed stays in the field. */
  #goTo(reply) {
    const item = document.getElementById(`message-${reply}`);
    if (!item) return location.assign(location.pathname);
    notice(text("busy"));
    this.#attach(item);
  }

  async #stop() {
    const reply = this.#stream.reply;
    try {
      const response = await post(address("stop"), reply ? { reply } : { request_id: this.#request });
      if (response.ok) return;
    } catch {
      // The server was not reached; handled below.
    }
    if (!this.#composer.running) return;
    this.#composer.running = true;
    notice(text("notStopped"));
  }
}

/** Put the line about messages that were not sent above the first one that was sent for the newest answer. */
function markNotSent(answer) {
  document.getElementById("not-sent")?.remove();
  const first = answer.dataset.firstSent && document.getElementById(`message-${answer.dataset.firstSent}`);
  first?.closest("li").before(fromTemplate("new-not-sent"));
}

function newQuestion(question) {
  const item = fromTemplate("new-question");
  part(item, "question").textContent = question;
  return item;
}

function itemsAfter(item) {
  const items = [...item.parentNode.children];
  return items.slice(items.indexOf(item) + 1);
}
