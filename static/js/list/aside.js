// What every page with a sidebar sets up.

import { forgetDrafts } from "../composer/drafts.js";
import { renewToken } from "../page/http.js";
import { watchKeyboard } from "../page/keyboard.js";
import { localTimes } from "../page/times.js";
import { watchActions } from "./actions.js";
import { watchSearch } from "./search.js";
import { watchSidebar } from "./sidebar.js";

export function watchAside() {
  localTimes(document);
  watchSidebar();
  watchActions();
  watchKeyboard();
  watchSearch();
  document.addEventListener("submit", renewToken, { capture: true });
  document.querySelector("form[data-logout]").addEventListener("submit", forgetDrafts);
}
