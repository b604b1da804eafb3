// Requests to our own server, and what their errors mean.

import { text } from "./page.js";

// The time limit for a part of the page: without it, a lost request could hang for minutes.
const PATIENCE = 20_000;

/** Whether the server says that the login has ended: with status 401, or by redirecting to the login form. */
export const isLoggedOut = (response) => response.status === 401 || response.type === "opaqueredirect";

export async function post(url, body, signal, redirect = "manual") {
  const response = await send(url, body, signal, redirect);
  if (response.status !== 403) return response;
  // A login in another tab has changed the token, or the cookie is gone: loading any page restores it.
  await fetch(location.pathname, { signal });
  return send(url, body, signal, redirect);
}

function send(url, body, signal, redirect) {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify(body),
    redirect,
    signal,
  });
}

/** Take the token from the cookie for plain forms too: a login in another tab may have changed it since. */
export function renewToken(event) {
  const field = event.target.elements.csrfmiddlewaretoken;
  if (field) field.value = token() || field.value;
}

function token() {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}

/** Return what the server says is wrong, or a general sentence if the error is not from our code. */
export async function problemOf(response) {
  const problem = { status: isLoggedOut(response) ? 401 : response.status, message: text("failed") };
  try {
    return { ...problem, ...(await response.json()).error };
  } catch {
    return problem;
  }
}

export async function getHtml(url, signal = AbortSignal.timeout(PATIENCE)) {
  const response = await fetch(url, { redirect: "manual", headers: { Accept: "text/html" }, signal });
  if (!response.ok) throw Object.assign(new Error(url), { status: (await problemOf(response)).status });
  return fragment(await response.text());
}

/** Post, and return the resulting part of the page. */
export async function postForHtml(url) {
  const response = await post(url, {}, AbortSignal.timeout(PATIENCE), "follow");
  if (!response.ok) throw Object.assign(new Error(url), await problemOf(response));
  return fragment(await response.text());
}

/** Parse HTML. Only for the server's own. */
export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Return a pause that doubles each time; jitter keeps a thousand pages from reconnecting at once. */
export const backOff = (attempt, longest = 10_000) => Math.min(500 * 2 ** attempt, longest) * (0.5 + Math.random() / 2);

export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Plain http from another machine is no secure context, so there is no randomUUID.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
