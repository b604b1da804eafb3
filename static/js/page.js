// What all parts of the page share: its texts, its notices, its times.

const byId = (id) => document.getElementById(id);

/** The sentences come from the server, in the reader's language. */
export const text = (name) => byId("texts").dataset[name];

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

/** The server's clock says UTC; the reader's says when it was for them. */
export function localTimes(parent) {
  const { lang, dataset } = document.documentElement;
  // Without one it is the browser's.
  const zone = { timeZone: dataset.timeZone };
  const dayOf = (time) => time.toLocaleDateString(lang, zone);
  for (const element of parent.querySelectorAll("time[datetime]")) {
    const time = new Date(element.dateTime);
    const style = dayOf(time) === dayOf(new Date()) ? {} : { dateStyle: "medium" };
    element.textContent = time.toLocaleString(lang, { ...style, timeStyle: "short", ...zone });
    element.title = time.toLocaleString(lang, { dateStyle: "full", timeStyle: "long", ...zone });
  }
}
