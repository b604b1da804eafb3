// The list of conversations, as the server renders it.

import { getHtml } from "./http.js";

/** `path`: where the page is no longer there. */
export async function refreshSidebar(path = "") {
  const query = new URLSearchParams(location.search);
  query.set("fragment", "sidebar");
  try {
    show((await getHtml(`${path}?${query}`)).querySelector("#conversations"));
  } catch {
    // The next answer brings it; the conversation itself does not depend on it.
  }
}

/** Only what is in it is exchanged: the list stays where it was scrolled to. */
function show(fresh) {
  const list = document.getElementById("conversations");
  const focused = list.contains(document.activeElement) && document.activeElement.getAttribute("href");
  list.replaceChildren(...fresh.childNodes);
  if (focused) list.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

/** The title of the conversation on the page, where the list has it. */
export function currentTitle() {
  return document.querySelector('#conversations [aria-current="page"]')?.title;
}
