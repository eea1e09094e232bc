/** @property target what is imported, as written @property line counted from 1 */
export type Import = { target: string; line: number };

// What Biome's formatter leaves: a statement begins its line.
const statement = /^(?:(?:import|export)\b[^;"'=(]*?\bfrom|import)\s*["']([^"'\n]+)["']/gm;
const call = /\bimport\(\s*["']([^"'\n]+)["']/g;

/** All that a TypeScript source imports or exports from elsewhere, types too. */
export function importsOf(source: string): Import[] {
  return [...source.matchAll(statement), ...source.matchAll(call)]
    .map((match) => ({ target: match[1] as string, line: lineAt(source, match.index + match[0].length) }))
    .sort((left, right) => left.line - right.line);
}

/** Line of a position, counted from 1. */
export function lineAt(source: string, position: number): number {
  return source.slice(0, position).split("\n").length;
}

const quotedOrComment = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/.*|\/\*[\s\S]*?\*\//g;

/** The source with comments and texts blanked, every position unchanged. What a template computes stays: it is code. */
export function codeOf(source: string): string {
  return source.replace(quotedOrComment, (part) => {
    const text = part.startsWith("`") ? /\$\{[^}]*\}|[^\n]/g : /[^\n]/g;
    return part.replace(text, (piece) => (piece.length > 1 ? piece : " "));
  });
}
