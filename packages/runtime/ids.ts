/** Longest id of a user, a device, an instance, a connection or a conversation, bytes of UTF-8: docs/contract.md */
export const idMaxBytes = 128;

/** Why a text is no id: the end of a sentence that begins with the field's name, and what to send instead. */
export interface IdFault {
  readonly what: string;
  readonly instead: string;
}

/** The same, in one sentence without advice; undefined: it is an id. */
export function wrongWithId(id: unknown): string | undefined {
  return faultOfId(id)?.what;
}

/**
 * Whether presence takes it as an id: 1 to `maxBytes` bytes of UTF-8 without control characters (Unicode category Cc).
 * All else is free: ids may hold `:`, spaces, emoji or `{}`. Keys and log entries rely on the absence of NUL.
 */
export function faultOfId(id: unknown, maxBytes = idMaxBytes): IdFault | undefined {
  if (typeof id !== "string") return { what: "is not a text", instead: `send 1 to ${maxBytes} bytes` };
  if (id === "") return { what: "is empty", instead: `send 1 to ${maxBytes} bytes` };
  return faultOfText(id, maxBytes);
}

/** As `faultOfId`, for a text that may be empty. A heartbeat's way: one pass, nothing allocated. */
export function faultOfText(text: string, maxBytes: number): IdFault | undefined {
  let ascii = true;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) {
      const name = `U+${unit.toString(16).toUpperCase().padStart(4, "0")}`;
      return { what: `has the control character ${name} at ${index}`, instead: "send printable text" };
    }
    if (unit > 0x7f) ascii = false;
  }
  // A lone surrogate has no UTF-8: it would be stored or sent as U+FFFD and collide with others.
  if (!ascii && !text.isWellFormed()) {
    return { what: "is not valid Unicode: it has a lone surrogate", instead: "send well-formed text" };
  }
  const bytes = ascii ? text.length : Buffer.byteLength(text);
  if (bytes <= maxBytes) return undefined;
  return { what: `has ${bytes} bytes, limit ${maxBytes}`, instead: "send a short stable id, such as a UUID" };
}
