// Hears from the server that something has changed, and asks what it is: one WebSocket for each tab.
// Nothing depends on it: what was missed is asked for as soon as it is open again, and in between now and then.

import { refreshSidebar } from "./list/sidebar.js";
import { backOff, isLoggedOut } from "./page/http.js";
import { address, clearNotice, notice, text } from "./page/page.js";

const ORIGIN = location.origin.replace("http", "ws");
const LONGEST_PAUSE = 60_000;
const PATIENCE = 20_000;
const SOON = 2000;
// The server says something every two minutes: after so long a silence the connection is dead, whatever it says.
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
    // Clocks are compared: timers stand still while the machine sleeps.
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

  /** First a plain request: it tells whether there is still a login, as a refused WebSocket does not. */
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
    // Nobody looks at a hidden tab: it asks when it is looked at.
    if (!document.hidden) this.#look();
  }

  /** True if the server has answered. One request at a time: what is rung meanwhile is asked for after it. */
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
    // Somebody else's, if they have logged in meanwhile: for this page that is a login that has ended.
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
