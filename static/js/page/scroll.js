// Follows the growing text only while the reader is at its end; else there is a button back down.

const NEAR = 80;

const page = document.documentElement;
const button = document.getElementById("to-bottom");
let following = true;

const isAtBottom = () => page.scrollHeight - window.innerHeight - window.scrollY < NEAR;

/** To be called after the page has grown. */
export function follow() {
  if (following) toBottom();
  else button.hidden = isAtBottom();
}

/** What the reader has just sent is what they want to see. */
export function toBottom() {
  following = true;
  button.hidden = true;
  window.scrollTo({ top: page.scrollHeight, behavior: "instant" });
}

export function watchScroll() {
  addEventListener("scroll", onScroll, { passive: true });
  addEventListener("resize", follow);
  button.addEventListener("click", toBottom);
  // A link to one message, and the place where a reload was, win; the browser may have gone there already.
  if (!location.hash && window.scrollY === 0) toBottom();
  else onScroll();
}

function onScroll() {
  following = isAtBottom();
  button.hidden = following;
}
