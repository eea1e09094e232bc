/**
 * JavaScript without comments, indentation and needless spaces: the least that any bundler does. Knows strings and
 * templates, but not regular expressions: this package's one has no quote, backtick, blank or comment in it.
 */
export function squeeze(source: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|\s*([{}()[\];,:=<>?&|!+*])\s*|\s+/g;
  return source
    .replaceAll(token, (match, sign?: string) => {
      if (match.startsWith("/")) return " ";
      if (match.startsWith('"') || match.startsWith("`")) return match;
      if (sign !== undefined) return sign === "}" && match.endsWith("\n") ? "}\n" : sign;
      return match.includes("\n") ? "\n" : " ";
    })
    .replaceAll(/\n\s+/g, "\n");
}
