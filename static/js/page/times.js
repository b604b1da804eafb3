// Times in the reader's language and time zone: shown as how long ago, with the exact time in the title.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

// If the user has not set a time zone, the browser's is used.
const { lang, dataset } = document.documentElement;
const timeZone = dataset.timeZone || undefined;
const ago = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "short", timeZone });
const day = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeZone });

/** Replace the server's times with local ones. */
export function localTimes(parent) {
  for (const element of parent.querySelectorAll("time[datetime]")) {
    const time = new Date(element.dateTime);
    const shown = sinceThen(time);
    if (element.textContent !== shown) element.textContent = shown;
    element.title ||= exact.format(time);
  }
}

/** Keep the times up to date while the page stays open. */
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
