// What is sent along with a question: its model and, for a first question, the settings of the new conversation.

import { getHtml } from "../page/http.js";
import { address } from "../page/page.js";
import { Models } from "./models.js";

const KEY = `draft:${document.body.dataset.user}:choices`;
const OF_THE_QUESTION = ["csrfmiddlewaretoken", "request_id", "parent", "text"];

export class Choices {
  #form = document.getElementById("composer");

  constructor() {
    new Models();
    // In the settings, Enter closes the panel instead of submitting the form the fields belong to.
    document.addEventListener("keydown", (event) => {
      const inSettings = event.key === "Enter" && event.target.matches("#settings input[form]");
      if (!inSettings) return;
      event.preventDefault();
      document.getElementById("settings").hidePopover();
    });
  }

  /** A request that is sent again keeps its choices, whatever has been chosen since, so that it is the same request. */
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
    // Storage is full or forbidden: a question that may have arrived is then a new one if the choices have changed.
  }
}
