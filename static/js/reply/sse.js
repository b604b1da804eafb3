// Parses the pieces of a response's body into Server-Sent Events, by the rules of the WHATWG standard.

export class EventParser {
  #rest = "";
  #data = [];
  #id = "";
  #hear;

  /** `hear(data, id)` is called for every event. */
  constructor(hear) {
    this.#hear = hear;
  }

  push(text) {
    // Keep a CR at the very end: the LF that belongs to it may come with the next piece.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    lines.forEach((line) => this.#read(line));
  }

  #read(line) {
    if (line === "") return this.#dispatch();
    const [, field, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line);
    if (field === "data") this.#data.push(value);
    if (field === "id" && !value.includes("\0")) this.#id = value;
  }

  #dispatch() {
    const data = this.#data;
    this.#data = [];
    if (data.length) this.#hear(data.join("\n"), this.#id);
  }
}
