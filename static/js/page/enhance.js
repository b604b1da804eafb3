// Adds what the server's HTML still lacks when it is added to the page.

import { addCopyButtons } from "./copy_code.js";
import { localTimes } from "./times.js";

export function enhance(fresh) {
  localTimes(fresh);
  addCopyButtons(fresh);
}
