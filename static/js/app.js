// The entry point of the chat page. Without scripts, everything works with plain forms.

import { Conversation } from "./conversation.js";
import { Doorbell } from "./doorbell.js";
import { watchAside } from "./list/aside.js";
import { addCopyButtons } from "./page/copy_code.js";
import { watchScroll } from "./page/scroll.js";
import { keepTimes } from "./page/times.js";

watchAside();
keepTimes();
addCopyButtons(document);
watchScroll();
new Doorbell(new Conversation());
