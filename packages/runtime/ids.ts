/** Longest id of a user, a device, an instance, a connection or a conversation, bytes of UTF-8: docs/contract.md */
export const idMaxBytes = 128;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Whether presence takes it as an id: 1 to 128 bytes of UTF-8 without control characters.
 * @returns what is wrong with it, as the end of a sentence that begins with its name; undefined: nothing
 */
export function wrongWithId(id: unknown): string | undefined {
  if (typeof id !== "string") return "is not a text";
  if (id === "") return "is empty";
  if (controls.test(id)) return "has control characters";
  // It has no UTF-8: it would be sent as U+FFFD, and be the same as others.
  if (!id.isWellFormed()) return "is not valid Unicode: it has a lone surrogate";
  const bytes = Buffer.byteLength(id);
  return bytes > idMaxBytes ? `has ${bytes} bytes, limit ${idMaxBytes}` : undefined;
}
