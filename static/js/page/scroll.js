// Follows the growing text only while the reader is at its end; otherwise shows a button that leads back down.

const NEAR = 80;

const page = document.documentElement;
const button = document.getElementById("to-bottom");
let following = true;

const isAtBottom = () => page.scrollHeight - window.innerHeight - window.scrollY < NEAR;

/** Must be called after the page has grown. */
export function follow() {
  if (following) toBottom();
  else button.hidden = isAtBottom();
}

/** Scroll to the end, and follow it from now on: readers want to see what they have just sent. */
export function toBottom() {
  following = true;
  button.hidden = true;
  window.scrollTo({ top: page.scrollHeight, behavior: "instant" });
}

export function watchScroll() {
  addEventListener("scroll", onScroll, { passive: true });
  addEventListener("resize", follow);
  button.addEventListener("click", toBottom);
  // A link to a message, and the position before a reload, take precedence; the browser may already be there.
  if (!location.hash && window.scrollY === 0) toBottom();
  else onScroll();
}

function onScroll() {
  following = isAtBottom();
  button.hidden = following;
}
