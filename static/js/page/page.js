// What all parts of the page share: its texts, its addresses, its notices.

// Where an address that the server gives leaves room for an id.
const NO_ID = "00000000-0000-0000-0000-000000000000";

const byId = (id) => document.getElementById(id);

/** The sentences come from the server, in the reader's language. */
export const text = (name) => byId("texts").dataset[name];

/** So do the addresses; `ids`: what they are filled in with, in this order. */
export const address = (name, ...ids) =>
  ids.reduce((url, id) => url.replace(NO_ID, id), byId("addresses").dataset[name]);

export const part = (parent, name) => parent.querySelector(`[data-part="${name}"]`);

/** A message as the server renders it, before there is anything in it. */
export const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** For who does not see the screen: that something has begun or ended, never the text itself. */
export const announce = (sentence) => (byId("announcer").textContent = sentence);

/** `login`: offer the way to the login form; `again`: offer to send again. */
export function notice(message, { login = false, again = false } = {}) {
  const box = byId("notice");
  part(box, "message").textContent = message;
  part(box, "login").hidden = !login;
  part(box, "again").hidden = !again;
  part(box, "actions").hidden = !login && !again;
  box.hidden = false;
}

export const clearNotice = () => (byId("notice").hidden = true);

/** How the connection is, while it is not well; nothing: it is well. */
export function connection(sentence = "") {
  byId("connection").textContent = sentence;
  byId("connection").hidden = !sentence;
}

/** For people: what is wrong, and what to do. */
export function sentenceOf(problem) {
  if (problem.status === 401) return text("loggedOut");
  return problem.status ? problem.message : text("unreachable");
}

// Where the keyboard is on the screen, Enter is needed for new lines and the button is under the thumb.
const enterSends = !matchMedia("(pointer: coarse)").matches;

/** While an input method composes, Enter chooses a word (Safari tells it only by the key code). */
export const isSendKey = (event) =>
  event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229 && enterSends;

const growsByItself = CSS.supports("field-sizing", "content");

/** As high as its text. */
export function grow(field) {
  if (growsByItself) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
