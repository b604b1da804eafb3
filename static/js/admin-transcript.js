// The transcript in admin: the code in it can be copied.

import { addCopyButtons } from "./code.js";

addCopyButtons(document);
