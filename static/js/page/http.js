// Requests to our own server, and what their errors mean.

import { text } from "./page.js";

// For a part of the page; without it, one that is lost on its way would be waited for for minutes.
const PATIENCE = 20_000;

/** 401 whichever way the server says it: as a status, or by sending a page's reader to the login form. */
export const isLoggedOut = (response) => response.status === 401 || response.type === "opaqueredirect";

export async function post(url, body, signal, redirect = "manual") {
  const response = await send(url, body, signal, redirect);
  if (response.status !== 403) return response;
  // A login in another tab has changed the token, or the cookie is gone: any page brings it back.
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

/** A login in another tab has changed the token since this page was made: forms take it from the cookie, too. */
export function renewToken(event) {
  const field = event.target.elements.csrfmiddlewaretoken;
  if (field) field.value = token() || field.value;
}

function token() {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}

/** What the server says is wrong; for an error that is not ours, a plain sentence. */
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

/** What it has led to, as a part of the page. */
export async function postForHtml(url) {
  const response = await post(url, {}, AbortSignal.timeout(PATIENCE), "follow");
  if (!response.ok) throw Object.assign(new Error(url), await problemOf(response));
  return fragment(await response.text());
}

/** Only of the server's own HTML. */
export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Twice as long each time; jitter keeps a thousand pages from coming back at once. */
export const backOff = (attempt, longest = 10_000) => Math.min(500 * 2 ** attempt, longest) * (0.5 + Math.random() / 2);

export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Plain http on another machine is no "secure context": there is no randomUUID there.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
