// What was typed outlives reloads, errors and logins: one draft for each conversation, kept by the browser.
// {text}: what is in the field. {sending}: what has left it and is not confirmed. {failed}: what may have arrived all
// the same; sent again unchanged it has the same request_id, and is not asked twice. {queued}: what waits for an answer
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

  /** `rest`: what stays in the field. What was queued and is sent now waits no longer. */
  sending(text, request, rest) {
    const { queued } = this.#read();
    this.#write({ text: rest, sending: { text, request }, queued: queued?.request === request ? null : queued });
  }

  /** It is on the server now, in this conversation, where what has been typed since then belongs too. */
  sent(conversation) {
    const { text, queued } = this.#read();
    this.#write({});
    this.#moveTo(conversation);
    this.#write({ text, queued });
  }

  failed(text, failed) {
    this.#write({ text, failed, queued: this.#read().queued });
  }

  /** {text, request}, or null. */
  queued(queued) {
    this.#write({ ...this.#read(), queued });
  }

  /** All that is not on the server. */
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
      // Full, or forbidden: then it lives as long as the page.
    }
  }
}

/** Who logs out on a shared computer leaves nothing behind. */
export function forgetDrafts() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  keys.forEach((key) => localStorage.removeItem(key));
}
