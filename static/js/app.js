// The entry: behaviour for what is on the page. Without scripts everything works as plain forms.

import { watchActions } from "./actions.js";
import { addCopyButtons } from "./code.js";
import { Conversation } from "./conversation.js";
import { Doorbell } from "./doorbell.js";
import { forgetDrafts } from "./drafts.js";
import { renewToken } from "./http.js";
import { watchKeyboard } from "./keyboard.js";
import { watchScroll } from "./scroll.js";
import { watchSearch } from "./search.js";
import { watchSidebar } from "./sidebar.js";
import { keepTimes, localTimes } from "./times.js";

localTimes(document);
keepTimes();
addCopyButtons(document);
watchScroll();
watchSidebar();
watchActions();
watchKeyboard();
watchSearch();
new Doorbell(new Conversation());
document.addEventListener("submit", renewToken, { capture: true });
document.querySelector("form[data-logout]").addEventListener("submit", forgetDrafts);
