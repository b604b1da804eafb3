// At its end, a streamed answer becomes the message as the server has stored it.

import { part } from "../page/page.js";

const BLOCKS = ":scope > :not(.passage), :scope > .passage > *";

/** Change the item in place, and only the blocks that differ: nothing that is being read or selected moves. */
export function morph(item, fresh) {
  for (const name of item.getAttributeNames()) item.removeAttribute(name);
  for (const { name, value } of fresh.attributes) item.setAttribute(name, value);
  const [kept, stored] = [part(item, "answer"), part(fresh, "answer")];
  exchangeBlocks(kept, [...stored.children]);
  while (item.firstChild !== kept) item.firstChild.remove();
  while (item.lastChild !== kept) item.lastChild.remove();
  while (fresh.firstChild !== stored) kept.before(fresh.firstChild);
  stored.remove();
  item.append(...fresh.childNodes);
}

/** Replace the blocks that differ, such as those whose link or footnote was resolved by later text; remove the tail. */
function exchangeBlocks(box, blocks) {
  const shown = [...box.querySelectorAll(BLOCKS)];
  blocks.forEach((block, place) => {
    if (place >= shown.length) box.append(block);
    else if (!shown[place].isEqualNode(block)) shown[place].replaceWith(block);
  });
  for (const rest of shown.slice(blocks.length)) rest.remove();
}
