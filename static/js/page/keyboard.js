// Keyboard shortcuts, each for something that also has a button, and the list of them.

import { part } from "./page.js";

// People who use speech input or often hit keys by accident can turn off single-key shortcuts (WCAG 2.1.4).
const SINGLE_KEY_OFF = "shortcuts:no-single-key";

const isMac = /^(Mac|iP)/.test(navigator.platform);
const help = document.getElementById("shortcuts");

const click = (selector) => [...document.querySelectorAll(selector)].at(-1)?.click();

const SHORTCUTS = [
  { key: "o", mod: true, shift: true, run: () => click(".new-chat") },
  { key: "k", mod: true, run: search },
  { key: "c", mod: true, shift: true, run: () => click("#messages .answer [data-copy]") },
  { key: "escape", shift: true, run: () => document.getElementById("question")?.focus() },
  { key: "/", mod: true, anyShift: true, run: toggleHelp },
  { key: "?", anyShift: true, single: true, run: toggleHelp },
  { key: "escape", run: stop, isFor: canStop },
];

export function watchKeyboard() {
  if (isMac) help.querySelectorAll("[data-mac]").forEach((key) => (key.textContent = key.dataset.mac));
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", ({ target }) => target.closest("[data-shortcuts]") && toggleHelp());
  const choice = part(help, "single-key");
  const show = () => (part(help, "or-question-mark").hidden = !choice.checked);
  choice.checked = !localStorage.getItem(SINGLE_KEY_OFF);
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(SINGLE_KEY_OFF);
    else localStorage.setItem(SINGLE_KEY_OFF, "1");
    show();
  });
  show();
}

function onKey(event) {
  const isComposing = event.isComposing || event.keyCode === 229;
  if (event.defaultPrevented || event.repeat || isComposing) return;
  const shortcut = SHORTCUTS.find((one) => fits(event, one) && (one.isFor?.(event) ?? true));
  if (!shortcut || (help.open && shortcut.run !== toggleHelp)) return;
  event.preventDefault();
  shortcut.run();
}

function fits(event, { key, mod = false, shift = false, anyShift = false, single = false }) {
  const [wanted, other] = isMac ? [event.metaKey, event.ctrlKey] : [event.ctrlKey, event.metaKey];
  if (wanted !== mod || other || event.altKey) return false;
  if (!anyShift && event.shiftKey !== shift) return false;
  if (single && (isTyping(event.target) || !part(help, "single-key").checked)) return false;
  return keyOf(event) === key || (mod && event.code === "Slash" && key === "/");
}

/** Return the key; on a non-Latin layout, the Latin letter at the same position. */
function keyOf({ key, code }) {
  return /^Key[A-Z]$/.test(code) && !/^[a-z]$/i.test(key) ? code.at(-1).toLowerCase() : key.toLowerCase();
}

const isTyping = (element) => element.matches("textarea, select, input:not([type=checkbox], [type=radio])");

/** Escape first closes what is open; only then does it stop the answer. */
function canStop({ target }) {
  const isInOtherField = isTyping(target) && target.id !== "question";
  const open = document.querySelector('dialog[open], :popover-open:not([popover="manual"])');
  return !isInOtherField && !open && Boolean(stopButton());
}

const stopButton = () => document.querySelector('#composer [data-part="stop"]:not([hidden], :disabled)');

function stop() {
  stopButton().click();
}

function search() {
  const sidebar = document.getElementById("sidebar");
  const field = document.getElementById("search-field");
  // On a narrow screen, the field is in the drawer.
  if (!field.checkVisibility()) sidebar.showPopover();
  field.focus();
  field.select();
}

function toggleHelp() {
  if (help.open) return help.close();
  // Otherwise the drawer with the button would cover the list of shortcuts.
  document.querySelectorAll(':popover-open:not([popover="manual"])').forEach((open) => open.hidePopover());
  help.showModal();
}
