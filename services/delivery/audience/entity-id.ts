/** Longest id of a user or a conversation, bytes of UTF-8; presence has the same limit. */
export const idMaxBytes = 128;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f]/;

/** Whether it is an id: 1 to 128 bytes of UTF-8 without control characters. */
export function isId(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value !== "" &&
    value.length <= idMaxBytes &&
    Buffer.byteLength(value) <= idMaxBytes &&
    value.isWellFormed() &&
    !controls.test(value)
  );
}
