/** Presence takes ids of 1 to 128 bytes without control characters: docs/contract.md */
const idMaxBytes = 128;

/** @returns what is wrong with it, as the end of a sentence that begins with its name */
export function wrongWithId(id: string): string | undefined {
  if (id === "") return "is empty";
  if (/\p{Cc}/u.test(id)) return "has control characters";
  const bytes = Buffer.byteLength(id);
  return bytes > idMaxBytes ? `has ${bytes} bytes, limit ${idMaxBytes}` : undefined;
}
