// The transcript in the admin: adds buttons to copy code.

import { addCopyButtons } from "./copy_code.js";

addCopyButtons(document);
