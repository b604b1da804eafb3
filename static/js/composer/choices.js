// What goes along with a question: its model and, with the first one, the settings of the new conversation.

import { getHtml } from "../page/http.js";
import { address } from "../page/page.js";
import { Models } from "./models.js";

const KEY = `draft:${document.body.dataset.user}:choices`;
const OF_THE_QUESTION = ["csrfmiddlewaretoken", "request_id", "parent", "text"];

export class Choices {
  #form = document.getElementById("composer");

  constructor() {
    new Models();
    // There it ends the settings, and does not send what is in the other field.
    document.addEventListener("keydown", (event) => {
      const inSettings = event.key === "Enter" && event.target.matches("#settings input[form]");
      if (!inSettings) return;
      event.preventDefault();
      document.getElementById("settings").hidePopover();
    });
  }

  /** Sent again, the same request has the same choices, whatever has been chosen since: else it would be another. */
  of(request, isNew) {
    const last = read();
    if (last?.request === request) return last.fields;
    const { model, ...settings } = Object.fromEntries(new FormData(this.#form));
    for (const name of OF_THE_QUESTION) delete settings[name];
    const fields = isNew ? { model, ...settings } : { model };
    write({ request, fields });
    return fields;
  }

  /** A new conversation has begun: from now on its settings are stored with it. */
  async renewSettings(conversation) {
    const fresh = await getHtml(`${address("conversation", conversation)}?fragment=settings`).catch(() => null);
    if (!fresh) return;
    const [old, settings] = [document.getElementById("settings"), fresh.firstElementChild];
    const isOpen = old.matches(":popover-open");
    old.replaceWith(settings);
    if (isOpen) settings.showPopover();
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

function write(choices) {
  try {
    localStorage.setItem(KEY, JSON.stringify(choices));
  } catch {
    // Full, or forbidden: then a question that was perhaps sent counts as another one after a change.
  }
}
