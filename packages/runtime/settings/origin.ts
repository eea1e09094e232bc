import { z } from "zod";
import type { ValueKind } from "./setting.ts";

/** The origin of pages, as browsers send it; `*` for any, `null` for those that have none. */
export const origin: ValueKind<string> = {
  placeholder: "origin",
  schema: z.string().transform((text, context) => {
    const normal = normalOrigin(text);
    if (normal !== undefined) return normal;
    const message = `${wrongWith(text)}: give the scheme and host of pages, such as https://chat.example`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }),
  show: (value) => value,
};

const socketScheme = /^wss?:/i;
const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\\]+)\/?$/i;

/**
 * The origin as browsers write it: in small letters, in ASCII, without a default port or a slash at its end.
 * Source: https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin
 * @returns undefined when no page could have it
 */
export function normalOrigin(text: string): string | undefined {
  if (text === "*" || text === "null") return text;
  const [, scheme, host] = parts.exec(text) ?? [];
  if (scheme === undefined || host === undefined || host.includes("*") || socketScheme.test(text)) return undefined;
  const url = URL.parse(text.toLowerCase());
  if (url === null || url.host === "") return undefined;
  return `${url.protocol}//${url.host}`;
}

function wrongWith(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return "has no scheme";
  if (socketScheme.test(text)) return "is of a socket";
  if (/^[^/]*:\/\/$/.test(text)) return "has no host";
  if (!parts.test(text)) return "has more than scheme, host and port";
  return text.includes("*") ? "has a wildcard, which only stands alone" : "has no valid host or port";
}
