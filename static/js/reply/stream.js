// One reply as a stream of events: with fetch for the question itself, with EventSource after any interruption.
// The cursor, the id of the last event, says how much of the text has arrived: a new connection brings the rest.

import { backOff, isLoggedOut, post, problemOf, sleep } from "../page/http.js";
import { address } from "../page/page.js";
import { EventParser } from "./sse.js";

const ASK_ATTEMPTS = 5;
// The server pings at least every 15 s: after a silence this long, the connection is dead even if it looks open.
const SILENCE = 40_000;
// After the machine has slept, the connection may be dead without any sign of it.
const DOUBT = 17_000;
// A proxy reports that the server can't be reached; that is not an answer to the question.
const AWAY = new Set([502, 504]);

export class Stream {
  #on;
  #heard = Date.now();
  #source = null;
  #abort = new AbortController();
  #life = new AbortController();

  /** `on`: {event(event), state(name), refused(problem)}; states: live, resending, reconnecting, loggedOut. */
  constructor(on) {
    this.#on = on;
    this.reply = null;
    this.cursor = "0.0";
    this.blocks = 0;
    this.#keepAwake();
  }

  get ended() {
    return this.#life.signal.aborted;
  }

  /** Send the question until the answer begins; with the same request_id it is asked once, however often it is sent. */
  async ask(body) {
    for (let attempt = 0; attempt < ASK_ATTEMPTS && !this.ended; attempt++) {
      if (attempt) this.#on.state("resending");
      await sleep(attempt && backOff(attempt));
      await this.#post(body).catch(ignoreCut);
      // The watch for silences may have been faster.
      if (this.reply) return this.#source || this.ended || this.attach(this.reply, this.cursor, this.blocks);
    }
    if (!this.ended) this.#refuse({ status: 0 });
  }

  async #post(body) {
    const response = await post(`${address("stream")}?blocks_from=0`, body, this.#connect());
    if (response.ok) await this.#read(response);
    else if (!AWAY.has(response.status)) this.#refuse(await problemOf(response));
  }

  /** Read an existing reply from the cursor on, and its blocks from where the last one ended. */
  attach(reply, cursor, blocks) {
    this.#connect();
    [this.reply, this.cursor, this.blocks] = [reply, cursor, blocks];
    const source = (this.#source = new EventSource(this.#url()));
    source.onmessage = (message) => this.#hear(message.data, message.lastEventId);
    source.onerror = () => this.#lost(source);
  }

  #end() {
    this.#source?.close();
    this.#life.abort();
  }

  #url() {
    return `${address("stream")}?reply=${this.reply}&after=${this.cursor}&blocks_from=${this.blocks}`;
  }

  #connect() {
    this.#disconnect();
    this.#heard = Date.now();
    this.#abort = new AbortController();
    return this.#abort.signal;
  }

  #disconnect() {
    this.#source?.close();
    this.#abort.abort();
  }

  async #read(response) {
    const parser = new EventParser((data, id) => this.#hear(data, id));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) parser.push(piece.value);
  }

  #hear(data, id) {
    if (this.ended) return;
    this.#heard = Date.now();
    this.cursor = id || this.cursor;
    const event = JSON.parse(data);
    if (event.type === "start") this.reply = event.reply;
    if (event.type === "start") this.#on.state("live");
    if (event.type === "block") this.blocks = event.to;
    // The server closes the stream; without this, EventSource would reconnect.
    if (event.type === "end") this.#end();
    this.#on.event(event);
  }

  /** While EventSource is CONNECTING it retries by itself; once CLOSED it never does, and it hides the reason. */
  #lost(source) {
    this.#on.state("reconnecting");
    if (source.readyState === EventSource.CLOSED) this.#probe(this.#connect());
  }

  async #probe(signal) {
    for (let attempt = 0; !signal.aborted; attempt++) {
      await sleep(backOff(attempt));
      const response = await fetch(this.#url(), { signal }).catch(() => null);
      if (response && (await this.#understand(response, signal))) return;
    }
  }

  /** Return true if there is nothing left to ask for. */
  async #understand(response, signal) {
    if (response.status === 404) location.reload();
    else if (response.status === 204) this.#finish();
    else if (response.ok) await this.#readOn(response, signal);
    else if (isLoggedOut(response)) this.#on.state("loggedOut");
    return response.ok || response.status === 404;
  }

  async #readOn(response, signal) {
    await this.#read(response).catch(ignoreCut);
    if (!this.ended && !signal.aborted) this.attach(this.reply, this.cursor, this.blocks);
  }

  /** The reply has ended, and this reader was told so before: the stored message says how. */
  #finish() {
    this.#end();
    this.#on.event({ type: "end", status: null, message: null });
  }

  #refuse(problem) {
    this.#end();
    this.#on.refused(problem);
  }

  #keepAwake() {
    const signal = this.#life.signal;
    const timer = setInterval(() => this.#doubtAfter(SILENCE), 5000);
    signal.addEventListener("abort", () => clearInterval(timer));
    addEventListener("online", () => this.#doubtAfter(0), { signal });
    addEventListener("pageshow", () => this.#doubtAfter(DOUBT), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#doubtAfter(DOUBT), { signal });
  }

  /** Reconnect after a silence. Compares clocks, because timers stand still while the machine sleeps. */
  #doubtAfter(silence) {
    if (this.ended || Date.now() - this.#heard < silence) return;
    if (this.reply) this.attach(this.reply, this.cursor, this.blocks);
    // Before the reply is known, the loop in ask() sends the question again.
    else if (silence) this.#disconnect();
  }
}

function ignoreCut(error) {
  // A TypeError comes from the network, an AbortError from us; anything else is a bug that must be seen.
  if (!(error instanceof TypeError || error.name === "AbortError")) throw error;
}
