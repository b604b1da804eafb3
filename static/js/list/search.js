// The search in the sidebar: results while typing, in place of the list. Without scripts it is a page of its own.

import { getHtml } from "../page/http.js";
import { announce, text } from "../page/page.js";
import { localTimes } from "../page/times.js";

const PAUSE = 200;

const form = document.getElementById("search");
const field = document.getElementById("search-field");
const found = document.getElementById("found");
const list = document.getElementById("conversations");
let timer;
let asking = new AbortController();

export function watchSearch() {
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  });
  form.addEventListener("keydown", onKey);
  found.addEventListener("keydown", onKey);
  // After going back in the history, the browser has kept what was typed.
  if (field.value) look();
}

async function look() {
  asking.abort();
  if (!field.value.trim()) return close();
  asking = new AbortController();
  const { signal } = asking;
  const query = new URLSearchParams({ fragment: "results", q: field.value });
  try {
    const fresh = await getHtml(`${form.getAttribute("action")}?${query}`, signal);
    if (!signal.aborted) show(fresh);
  } catch {
    if (!signal.aborted) tell(text("unreachable"));
  }
}

function show(fresh) {
  localTimes(fresh);
  found.replaceChildren(...fresh.children);
  open();
  announce(found.querySelector(".found-count")?.textContent ?? "");
}

function tell(sentence) {
  found.textContent = sentence;
  open();
}

function open() {
  [found.hidden, list.hidden] = [false, true];
}

function close() {
  clearTimeout(timer);
  asking.abort();
  field.value = "";
  found.replaceChildren();
  [found.hidden, list.hidden] = [true, false];
}

function onKey(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && !event.isComposing) move(event, step);
  // The first Escape closes the search, a second one the drawer that it is in.
  else if (event.key === "Escape" && (field.value || !found.hidden)) {
    event.preventDefault();
    close();
    field.focus();
  }
}

/** Move from the field down through the results, and back up into it. */
function move(event, step) {
  const stops = [field, ...found.querySelectorAll("a")];
  const next = stops[stops.indexOf(document.activeElement) + step];
  if (!next || found.hidden) return;
  event.preventDefault();
  next.focus();
}
