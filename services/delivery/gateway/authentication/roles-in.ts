const none: ReadonlySet<string> = new Set();

/**
 * Those of some roles that a token's claims grant: in a list of texts, or one text. A claim of that very name counts before
 * one that is reached by its dots, as realm_access.roles.
 */
export function rolesIn(
  claims: Readonly<Record<string, unknown>>,
  name: string,
  roles: ReadonlySet<string>,
): ReadonlySet<string> {
  const content = Object.hasOwn(claims, name) ? claims[name] : within(claims, name.split("."));
  const granted = new Set<unknown>(Array.isArray(content) ? content : [content]);
  const some = [...roles].filter((role) => granted.has(role));
  return some.length === 0 ? none : new Set(some);
}

function within(content: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return content;
  if (typeof content !== "object" || content === null || !Object.hasOwn(content, name)) return undefined;
  return within((content as Readonly<Record<string, unknown>>)[name], rest);
}
