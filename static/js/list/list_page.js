// The entry of the pages that have the list beside them, and no conversation.

import { watchAside } from "./aside.js";

watchAside();
