/** What a caller of presence's API may be allowed; each scope stands for itself, none includes another. */
export const scopes = ["gateway", "read", "watch-everyone", "status", "admin"] as const;

export type Scope = (typeof scopes)[number];

export function isScope(word: string): word is Scope {
  return (scopes as readonly string[]).includes(word);
}
