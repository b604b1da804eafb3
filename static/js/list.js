// The entry of the pages that have the list beside them, and no conversation.

import { watchActions } from "./actions.js";
import { forgetDrafts } from "./drafts.js";
import { renewToken } from "./http.js";
import { watchKeyboard } from "./keyboard.js";
import { watchSearch } from "./search.js";
import { watchSidebar } from "./sidebar.js";
import { localTimes } from "./times.js";

localTimes(document);
watchSidebar();
watchActions();
watchKeyboard();
watchSearch();
document.addEventListener("submit", renewToken, { capture: true });
document.querySelector("form[data-logout]").addEventListener("submit", forgetDrafts);
