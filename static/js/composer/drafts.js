// What was typed survives reloads, errors and logins: one draft per conversation, stored in the browser.
// {text}: what is in the field. {sending}: what was sent and is not confirmed yet. {failed}: what may have arrived
// anyway; sent again unchanged, it keeps its request_id, so it is not asked twice. {queued}: what waits for an answer
// to end before it is sent.

const PREFIX = "draft:";

export class Drafts {
  #user;
  #key;

  constructor(user, conversation) {
    this.#user = user;
    this.#moveTo(conversation);
  }

  typed(text) {
    this.#write({ ...this.#read(), text });
  }

  /** `rest`: what stays in the field. A queued question that is being sent is no longer queued. */
  sending(text, request, rest) {
    const { queued } = this.#read();
    this.#write({ text: rest, sending: { text, request }, queued: queued?.request === request ? null : queued });
  }

  /** The question is on the server now, in this conversation; what has been typed since then belongs there too. */
  sent(conversation) {
    const { text, queued } = this.#read();
    this.#write({});
    this.#moveTo(conversation);
    this.#write({ text, queued });
  }

  failed(text, failed) {
    this.#write({ text, failed, queued: this.#read().queued });
  }

  /** `queued`: {text, request}, or null. */
  queued(queued) {
    this.#write({ ...this.#read(), queued });
  }

  /** Return everything that is not on the server. */
  restore() {
    const { text, sending, failed, queued } = this.#read();
    return { text: [sending?.text, text].filter(Boolean).join("\n\n"), failed: sending ?? failed, queued };
  }

  #moveTo(conversation) {
    this.#key = `${PREFIX}${this.#user}:${conversation || "new"}`;
  }

  #read() {
    try {
      return JSON.parse(localStorage.getItem(this.#key)) ?? {};
    } catch {
      return {};
    }
  }

  #write(draft) {
    try {
      if (draft.text || draft.sending || draft.queued) localStorage.setItem(this.#key, JSON.stringify(draft));
      else localStorage.removeItem(this.#key);
    } catch {
      // Storage is full or forbidden: the draft then lasts only as long as the page.
    }
  }
}

/** Nothing is left behind after logging out on a shared computer. */
export function forgetDrafts() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  keys.forEach((key) => localStorage.removeItem(key));
}
