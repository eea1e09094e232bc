/** What stands where a secret was. */
export const hidden = "***";

/**
 * Hides user and password of every URL in a text: `redis://user:secret@host` becomes `redis://***@host`. Greedy up to
 * the last `@` of a word, because a password may itself hold `/`, `:` or `@`.
 */
export function redactUrls(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s"'<>]*@/gi, `$1${hidden}@`);
}

/** Whether a field of this name holds something that must not be seen. */
export function namesSecret(field: string): boolean {
  return /password|passphrase|secret|token|authorization|cookie/i.test(field);
}
