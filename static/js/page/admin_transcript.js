// The transcript in admin: the code in it can be copied.

import { addCopyButtons } from "./copy_code.js";

addCopyButtons(document);
