// A copy button on each code block.

import { copyText } from "./clipboard.js";

const DONE_FOR = 2000;

document.addEventListener("click", ({ target }) => target.matches(".code-copy") && copy(target));

/** Must be called for all HTML of answers that is added to the page. */
export function addCopyButtons(parent) {
  const button = document.getElementById("copy-code").content.firstElementChild;
  for (const head of parent.querySelectorAll(".code-head")) {
    if (!head.querySelector(".code-copy")) head.append(button.cloneNode(true));
  }
}

async function copy(button) {
  await copyText(button.closest(".code").querySelector("code").textContent);
  const label = button.textContent;
  if (label === button.dataset.done) return;
  button.textContent = button.dataset.done;
  setTimeout(() => (button.textContent = label), DONE_FOR);
}
