import { keep, kept } from "./kept.js";

/** @typedef {{ text: string, userId: string }} Token */

/**
 * Reads whose token it is. Whether it is good, the gateway says.
 * @param {string} text
 * @returns {Token | undefined} undefined: this is no JWT with a subject
 */
export function readToken(text) {
  try {
    const claims = text.trim().split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(claims.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes));
    return typeof sub === "string" && sub !== "" ? { text: text.trim(), userId: sub } : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps it over reloads, in this window alone; undefined: forgets it. @param {Token | undefined} token */
export function keepToken(token) {
  keep("token", token?.text);
}

export function keptToken() {
  return readToken(kept("token") ?? "");
}
