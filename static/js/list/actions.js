// Actions on a conversation, from its row in the list or from the bar. Without scripts these are plain forms.

import { isLoggedOut, post } from "../page/http.js";
import { address, announce, fromTemplate, part, text } from "../page/page.js";
import { refreshIfStale, refreshSidebar } from "./sidebar.js";

// Long enough to read it and to reach it by keyboard.
const UNDO_FOR = 20_000;

const undo = document.getElementById("undo");
let timer;

export function watchActions() {
  document.getElementById("row-action").addEventListener("submit", onAction);
  undo.addEventListener("submit", onUndo);
  document.addEventListener("click", onRename);
}

async function onAction(event) {
  event.preventDefault();
  const { name, value, formAction, dataset } = event.submitter;
  const menu = event.submitter.closest(".menu");
  menu.hidePopover();
  const changed = await send(formAction, name ? { [name]: value } : {});
  if (!changed) return;
  const isHere = menu.dataset.conversation === document.body.dataset.conversation;
  const isDeleted = "delete" in dataset;
  if (isDeleted && isHere) return location.assign(`${address("home")}?deleted=${changed.conversation}`);
  // The page itself says that the conversation is archived, or lists the archived ones.
  if (name === "archived" && (isHere || menu.closest("main"))) return location.reload();
  // Remove it at once: refreshing the list may have to wait, for example while a title is being edited.
  if (isDeleted || name === "archived") menu.closest(".row").remove();
  if (isDeleted) offerUndo(changed.title, dataset.restore);
  await refreshSidebar();
}

/** Return the server's answer; on failure, show a notice and return null. */
async function send(url, body) {
  const response = await post(url, body).catch(() => null);
  if (response?.ok) return response.json();
  toast(text(response ? (isLoggedOut(response) ? "loggedOut" : "failed") : "unreachable"));
  return null;
}

// --- Undoing a deletion ----------------------------------------------------------------------------------------------

function offerUndo(title, url) {
  undo.action = url;
  toast(text("deleted").replace("{title}", () => title), { canUndo: true });
}

async function onUndo(event) {
  // On the page opened after the deletion, the plain form leads back to the conversation.
  if (new URLSearchParams(location.search).has("deleted")) return;
  event.preventDefault();
  hide();
  if (!(await send(undo.action, {}))) return;
  announce(text("restored"));
  await refreshSidebar();
}

function toast(sentence, { canUndo = false } = {}) {
  part(undo, "message").textContent = sentence;
  undo.querySelector("button").hidden = !canUndo;
  undo.hidden = false;
  // In the top layer, to be above the list, which covers everything else on a narrow screen.
  undo.popover = "manual";
  undo.showPopover();
  clearTimeout(timer);
  timer = setTimeout(hideUnlessInUse, UNDO_FOR);
}

function hideUnlessInUse() {
  if (undo.matches(":hover, :focus-within")) timer = setTimeout(hideUnlessInUse, UNDO_FOR);
  else hide();
}

function hide() {
  undo.hidden = true;
}

// --- Renaming in place -----------------------------------------------------------------------------------------------

function onRename(event) {
  const link = event.target.closest("[data-rename]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const menu = link.closest(".menu");
  menu.hidePopover();
  const row = menu.closest(".row");
  edit(row ? row.querySelector("a") : document.getElementById("title"), link);
}

function edit(shown, link) {
  const menu = link.closest(".menu");
  const form = fromTemplate("rename-form");
  const field = form.elements.title;
  const old = (shown.querySelector(".conversation-title") ?? shown).textContent;
  let isOver = false;
  const finish = (isWanted) => {
    if (isOver) return;
    isOver = true;
    const hadFocus = form.contains(document.activeElement);
    form.remove();
    shown.hidden = false;
    if (hadFocus) (shown.href ? shown : menu.previousElementSibling).focus();
    const title = field.value.trim();
    if (isWanted && title && title !== old) rename(link, title, shown);
    refreshIfStale();
  };
  field.value = old;
  shown.hidden = true;
  shown.after(form);
  field.select();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    finish(true);
  });
  field.addEventListener("keydown", (event) => onKey(event, finish));
  field.addEventListener("blur", () => finish(true));
}

function onKey(event, finish) {
  if (event.key !== "Escape") return;
  // Otherwise Escape would close the drawer too.
  event.preventDefault();
  finish(false);
}

async function rename(link, title, shown) {
  const { conversation } = link.closest(".menu").dataset;
  const label = shown.querySelector(".conversation-title") ?? shown;
  const old = label.textContent;
  label.textContent = title;
  const renamed = await send(link.dataset.rename, { title });
  if (!renamed) return (label.textContent = old);
  if (conversation === document.body.dataset.conversation) {
    document.getElementById("title").textContent = renamed.title;
    document.title = `${renamed.title} · ${document.title.split(" · ").at(-1)}`;
  }
  await refreshSidebar();
}
