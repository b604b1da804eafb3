// An answer at its end becomes the message as the server has stored it.

import { part } from "./page.js";

/** In place, and of the text only what differs: what is being read, selected or scrolled stays where it is. */
export function become(item, fresh) {
  for (const name of item.getAttributeNames()) item.removeAttribute(name);
  for (const { name, value } of fresh.attributes) item.setAttribute(name, value);
  const [kept, stored] = [part(item, "answer"), part(fresh, "answer")];
  settle(kept, [...stored.children]);
  while (item.firstChild !== kept) item.firstChild.remove();
  while (item.lastChild !== kept) item.lastChild.remove();
  while (fresh.firstChild !== stored) kept.before(fresh.firstChild);
  stored.remove();
  item.append(...fresh.childNodes);
}

/** A block whose link or footnote was resolved by what followed is exchanged; so is the tail. */
function settle(box, blocks) {
  let shown = box.firstElementChild;
  for (const block of blocks) {
    const next = shown?.nextElementSibling;
    if (!shown) box.append(block);
    else if (!shown.isEqualNode(block)) shown.replaceWith(block);
    shown = next;
  }
  while (shown) {
    const next = shown.nextElementSibling;
    shown.remove();
    shown = next;
  }
}
