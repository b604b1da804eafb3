// Hears from the server that something has changed, and asks what: one WebSocket per tab.
// Nothing depends on it: missed changes are fetched when it reconnects, and with every attempt to do so.

import { refreshSidebar } from "./list/sidebar.js";
import { backOff, isLoggedOut } from "./page/http.js";
import { address, clearNotice, notice, text } from "./page/page.js";

const ORIGIN = location.origin.replace("http", "ws");
const LONGEST_PAUSE = 60_000;
const PATIENCE = 20_000;
const SOON = 2000;
// The server sends something at least every two minutes: after a longer silence the connection is dead.
const SILENCE = 150_000;

export class Doorbell {
  #conversation;
  #change = Number(document.body.dataset.change);
  #socket = null;
  #heard = 0;
  #attempt = 0;
  #timer;
  #looking = null;
  #isBehind = false;
  #isLoggedOut = false;

  constructor(conversation) {
    this.#conversation = conversation;
    this.#connect();
    // Compare clocks: timers stand still while the machine sleeps.
    setInterval(() => this.#doubt(), 30_000);
    addEventListener("online", () => this.#comeBack());
    addEventListener("pageshow", (event) => event.persisted && this.#comeBack());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    const socket = (this.#socket = new WebSocket(ORIGIN + address("doorbell")));
    this.#heard = Date.now();
    socket.onmessage = (message) => this.#hear(JSON.parse(message.data));
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  #lost() {
    this.#socket?.close();
    this.#socket = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#comeBack(), backOff(this.#attempt++, LONGEST_PAUSE));
  }

  /** Start with a plain request: unlike a refused WebSocket, it shows whether the user is still logged in. */
  async #comeBack() {
    clearTimeout(this.#timer);
    if (await this.#look()) this.#connect();
    else this.#lost();
  }

  #doubt() {
    if (this.#socket && Date.now() - this.#heard > SILENCE) this.#comeBack();
  }

  #wake() {
    if (!this.#socket) this.#comeBack();
    else if (this.#isBehind) this.#look();
    this.#doubt();
  }

  #hear(news) {
    this.#heard = Date.now();
    this.#attempt = 0;
    const isKnown = news.change === null ? this.#conversation.shows(news.reply) : news.change <= this.#change;
    if (isKnown) return;
    this.#isBehind = true;
    // Nobody is looking at a hidden tab: it asks when it becomes visible.
    if (!document.hidden) this.#look();
  }

  /** Resolves to true if the server answered. One request at a time: news in between leads to another one. */
  #look() {
    this.#isBehind = true;
    this.#looking ??= this.#catchUp().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #catchUp() {
    while (this.#isBehind) {
      this.#isBehind = false;
      const changes = await this.#ask();
      if (!changes) return false;
      if (await this.#show(changes)) this.#change = changes.change;
      else setTimeout(() => this.#look(), SOON);
    }
    return true;
  }

  async #ask() {
    const request = { redirect: "manual", signal: AbortSignal.timeout(PATIENCE) };
    const response = await fetch(`${address("changes")}?since=${this.#change}`, request).catch(() => null);
    const changes = response?.ok && (await response.json().catch(() => null));
    // If somebody else has logged in, these are theirs: for this page, the login has ended.
    const isMine = changes && changes.user === document.body.dataset.user;
    if (isMine) this.#tellLogin(true);
    else if (changes || (response && isLoggedOut(response))) this.#tellLogin(false);
    return isMine ? changes : null;
  }

  async #show({ conversations, gone, reload }) {
    const here = this.#conversation.id;
    const changed = conversations.find(({ id }) => id === here);
    const isGone = gone.includes(here);
    if (isGone) notice(text("gone"));
    const isShown = !(changed || (reload && here)) || (await this.#conversation.catchUp(changed?.leaf));
    if (reload || conversations.length || gone.length) await refreshSidebar(isGone ? address("home") : "");
    this.#conversation.retitle();
    return isShown;
  }

  #tellLogin(isThere) {
    if (this.#isLoggedOut === !isThere) return;
    this.#isLoggedOut = !isThere;
    if (isThere) clearNotice();
    else notice(text("loggedOut"), { login: true });
  }
}
