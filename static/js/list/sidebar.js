// The list of conversations as the server renders it: kept up to date, and extended while scrolling down.

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

/** `path`: another page to take the list from, if this one no longer exists. */
export async function refreshSidebar(path = pagePath()) {
  const count = list.querySelectorAll(".row").length;
  try {
    show(await getHtml(`${path}?fragment=sidebar&count=${count}`));
  } catch {
    // The next answer refreshes it; the conversation itself does not depend on it.
  }
}

/** Do a refresh that had to wait until a menu was closed or a title was edited. */
export function refreshIfStale() {
  if (isStale && !isInUse()) refreshSidebar();
}

/** Return the title of the current conversation, if it is in the list. */
export function currentTitle() {
  return document.querySelector('#conversations [aria-current="page"]')?.title;
}

const isInUse = () => Boolean(document.querySelector(".menu[data-conversation]:popover-open, .rename"));
const older = () => list.querySelector("[data-older]");

function pagePath() {
  const conversation = document.body.dataset.conversation;
  return conversation ? address("conversation", conversation) : address("home");
}

/** Replace only the content of the list, so that it keeps its scroll position. */
function show(fresh) {
  isStale = isInUse();
  if (isStale) return;
  const focused = nameOf(document.activeElement);
  list.replaceChildren(...fresh.querySelector("#conversations").childNodes);
  const actions = document.getElementById("bar-actions");
  actions?.replaceChildren(...fresh.querySelector("#bar-actions").childNodes);
  if (focused) document.querySelector(focused)?.focus();
}

/** Return a selector to find the focused element again after it has been replaced. */
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
    // The link is still there to try again.
  }
  isLoading = false;
}

function append(fresh, place) {
  // The list may have been replaced in the meantime.
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

/** The server groups by days in the reader's time zone, which the very first page does not know yet. */
function tellZone() {
  const zone = `timezone=${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  if (document.cookie.split("; ").includes(zone)) return;
  document.cookie = `${zone}; path=/; max-age=31536000; samesite=lax`;
  refreshSidebar();
}
