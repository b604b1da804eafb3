// What all parts of the page share: texts, addresses, notices.

// The placeholder for an id in the addresses that the server gives.
const NO_ID = "00000000-0000-0000-0000-000000000000";

const byId = (id) => document.getElementById(id);

/** Return a sentence, which the server has put into the page in the reader's language. */
export const text = (name) => byId("texts").dataset[name];

/** Return an address from the page, with `ids` filled in, in this order. */
export const address = (name, ...ids) =>
  ids.reduce((url, id) => url.replace(NO_ID, id), byId("addresses").dataset[name]);

export const part = (parent, name) => parent.querySelector(`[data-part="${name}"]`);

/** Return a copy of an empty message as the server renders it. */
export const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** Tell screen readers that something has begun or ended, but never the text itself. */
export const announce = (sentence) => (byId("announcer").textContent = sentence);

/** Show a notice. `login`: offer a link to the login form; `again`: offer to send again. */
export function notice(message, { login = false, again = false } = {}) {
  const box = byId("notice");
  part(box, "message").textContent = message;
  part(box, "login").hidden = !login;
  part(box, "again").hidden = !again;
  part(box, "actions").hidden = !login && !again;
  box.hidden = false;
}

export const clearNotice = () => (byId("notice").hidden = true);

/** Show what is wrong with the connection; without a sentence, hide the line. */
export function connection(sentence = "") {
  byId("connection").textContent = sentence;
  byId("connection").hidden = !sentence;
}

/** Return what is wrong and what to do, in words for people. */
export function sentenceOf(problem) {
  if (problem.status === 401) return text("loggedOut");
  return problem.status ? problem.message : text("unreachable");
}

// With an on-screen keyboard, Enter is needed for new lines, and the button is close to the thumb.
const enterSends = !matchMedia("(pointer: coarse)").matches;

/** While an input method is composing, Enter chooses a word (in Safari only the key code shows this). */
export const isSendKey = (event) =>
  event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229 && enterSends;

const growsByItself = CSS.supports("field-sizing", "content");

/** Make a field as high as its text. */
export function grow(field) {
  if (growsByItself) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
