// Copies a message as it was written, its Markdown; or what tells an administrator which answer is meant.

import { copyText } from "./clipboard.js";
import { announce, text } from "./page.js";

const SHOWN_FOR = 2000;

export function watchCopying(list) {
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-report]");
    if (button) copy(button);
  });
}

async function copy(button) {
  const { copy: url, copyReport: report } = button.dataset;
  const isCopied = await write(url ? fetchText(url) : Promise.resolve(report.trim())).then(
    () => true,
    () => false,
  );
  announce(text(isCopied ? "copied" : "notCopied"));
  if (!isCopied) return;
  button.classList.add("is-copied");
  setTimeout(() => button.classList.remove("is-copied"), SHOWN_FOR);
}

async function fetchText(url) {
  const response = await fetch(url, { redirect: "manual" });
  if (!response.ok) throw new Error(url);
  return response.text();
}

/** Ask for the clipboard at once, while the click still counts as a user action; the text may come later. */
async function write(coming) {
  if (!window.ClipboardItem || !navigator.clipboard?.write) return copyText(await coming);
  const blob = coming.then((written) => new Blob([written], { type: "text/plain" }));
  return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
}
