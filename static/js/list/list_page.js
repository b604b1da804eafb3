// The entry point of pages with a sidebar but no conversation.

import { watchAside } from "./aside.js";

watchAside();
