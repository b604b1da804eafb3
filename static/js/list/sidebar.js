// The list of conversations, as the server renders it: kept fresh, and longer while one scrolls down.

import { getHtml } from "../page/http.js";
import { address } from "../page/page.js";

const list = document.getElementById("conversations");
let isStale = false;
let isLoading = false;

export function watchSidebar() {
  const end = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && loadOlder(), {
    root: list,
    rootMargin: "300px",
  });
  const watchEnd = () => {
    end.disconnect();
    if (older()) end.observe(older());
  };
  new MutationObserver(watchEnd).observe(list, { childList: true });
  watchEnd();
  list.addEventListener("click", (event) => {
    if (!event.target.closest("[data-older]")) return;
    event.preventDefault();
    loadOlder();
  });
  list.addEventListener("toggle", refreshIfStale, { capture: true });
  tellZone();
}

/** `path`: where the page is no longer there. */
export async function refreshSidebar(path = pagePath()) {
  const count = list.querySelectorAll(".row").length;
  try {
    show(await getHtml(`${path}?fragment=sidebar&count=${count}`));
  } catch {
    // The next answer brings it; the conversation itself does not depend on it.
  }
}

/** What waited until a menu is closed, or a title is written. */
export function refreshIfStale() {
  if (isStale && !isInUse()) refreshSidebar();
}

/** The title of the conversation on the page, where the list has it. */
export function currentTitle() {
  return document.querySelector('#conversations [aria-current="page"]')?.title;
}

const isInUse = () => Boolean(document.querySelector(".menu[data-conversation]:popover-open, .rename"));
const older = () => list.querySelector("[data-older]");

function pagePath() {
  const conversation = document.body.dataset.conversation;
  return conversation ? address("conversation", conversation) : address("home");
}

/** Only what is in it is exchanged: the list stays where it was scrolled to. */
function show(fresh) {
  isStale = isInUse();
  if (isStale) return;
  const focused = nameOf(document.activeElement);
  list.replaceChildren(...fresh.querySelector("#conversations").childNodes);
  const actions = document.getElementById("bar-actions");
  actions?.replaceChildren(...fresh.querySelector("#bar-actions").childNodes);
  if (focused) document.querySelector(focused)?.focus();
}

/** How to find again what has the focus, if it is exchanged. */
function nameOf(element) {
  if (!element.closest("#conversations, #bar-actions")) return null;
  const name = ["href", "popovertarget"].find((attribute) => element.hasAttribute(attribute));
  return name && `[${name}="${CSS.escape(element.getAttribute(name))}"]`;
}

async function loadOlder() {
  const place = older()?.dataset.older;
  if (!place || isLoading) return;
  isLoading = true;
  try {
    append(await getHtml(`${pagePath()}?fragment=older&before=${place}`), place);
  } catch {
    // The link is still there.
  }
  isLoading = false;
}

function append(fresh, place) {
  // The list may have been exchanged meanwhile.
  if (older()?.dataset.older !== place) return;
  older().parentElement.remove();
  fresh.querySelector('[rel="first"]')?.parentElement.remove();
  const last = [...list.querySelectorAll(".group")].at(-1);
  const first = fresh.querySelector(".group");
  if (last && first?.dataset.group === last.dataset.group) {
    last.querySelector("ol").append(...first.querySelector("ol").children);
    first.remove();
  }
  list.append(...fresh.children);
}

/** The server sorts by the reader's days; the first page does not know them yet. */
function tellZone() {
  const zone = `timezone=${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  if (document.cookie.split("; ").includes(zone)) return;
  document.cookie = `${zone}; path=/; max-age=31536000; samesite=lax`;
  refreshSidebar();
}
