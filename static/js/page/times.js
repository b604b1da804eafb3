// When something was: how long ago for the eye, exactly in the title, in the reader's language and time zone.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

// Without a time zone it is the browser's.
const { lang, dataset } = document.documentElement;
const timeZone = dataset.timeZone || undefined;
const ago = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "short", timeZone });
const day = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeZone });

/** The server's clock says UTC; the reader's says when it was for them. */
export function localTimes(parent) {
  for (const element of parent.querySelectorAll("time[datetime]")) {
    const time = new Date(element.dateTime);
    const shown = sinceThen(time);
    if (element.textContent !== shown) element.textContent = shown;
    element.title ||= exact.format(time);
  }
}

/** The page stays open, and time goes on. */
export function keepTimes() {
  setInterval(() => document.hidden || localTimes(document), MINUTE * 1000);
  document.addEventListener("visibilitychange", () => document.hidden || localTimes(document));
}

function sinceThen(time) {
  const seconds = Math.round((Date.now() - time) / 1000);
  if (seconds < MINUTE) return ago.format(0, "second");
  if (seconds < HOUR) return ago.format(-Math.floor(seconds / MINUTE), "minute");
  if (seconds < DAY) return ago.format(-Math.floor(seconds / HOUR), "hour");
  return seconds < WEEK ? ago.format(-Math.floor(seconds / DAY), "day") : day.format(time);
}
