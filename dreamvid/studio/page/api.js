/** Requests to the server; an error carries the line that the command line would print. */

import { find } from "./elements.js";

/** This page among others that are open; the server keeps one waiting preview for each. */
export const page = Array.from(crypto.getRandomValues(new Uint8Array(12)), (n) => n.toString(16).padStart(2, "0")).join("");

export class RequestError extends Error {
  constructor(status, body) {
    super(body.error ?? "the studio does not answer as it should");
    this.status = status;
    this.mistakes = body.mistakes ?? [];
    this.superseded = Boolean(body.superseded);
  }
}

/** Show that the studio cannot be talked to any more. */
export function close(text) {
  find("closed").hidden = false;
  find("closed").textContent = text;
}

export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new RequestError(0, { error: "the studio does not answer; is it still running?" });
  }
  const body = await response.json().catch(() => ({}));
  if (response.status === 401) close(body.error);
  if (!response.ok) throw new RequestError(response.status, body);
  return body;
}

export const post = (path, value) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

/** Exchange the token in the link for the cookie, and take it out of the address. */
export async function openSession() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(null, "", "/#look");
  await post("/api/session", { token });
}

/** Send a file with its progress (0 to 1). */
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", `/api/files?name=${encodeURIComponent(file.name)}`);
    sending.responseType = "json";
    sending.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
    sending.addEventListener("load", () =>
      sending.status < 300 ? resolve(sending.response) : reject(new RequestError(sending.status, sending.response ?? {})));
    sending.addEventListener("error", () =>
      reject(new RequestError(0, { error: `${file.name} was not taken: it is too large, or the studio has ended` })));
    sending.send(file);
  });
}
