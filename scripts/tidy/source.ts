/** Whether a file holds code that Node or a browser runs. */
export function isSource(file: string): boolean {
  return /\.(ts|js|mjs)$/.test(file) && !file.endsWith(".d.ts");
}

/** @property target what is imported, as written @property line counted from 1 */
export type Import = { target: string; line: number };

// What Biome's formatter leaves: a statement begins its line.
const statement = /^(?:(?:import|export)\b[^;"'=(]*?\bfrom|import)\s*["']([^"'\n]+)["']/gm;
const call = /\bimport\(\s*["']([^"'\n]+)["']/g;

/** All that a TypeScript source imports or exports from elsewhere, types too. */
export function importsOf(source: string): Import[] {
  const code = codeOf(source);
  const calls = [...source.matchAll(call)].filter(({ index }) => code.startsWith("import", index));
  return [...source.matchAll(statement), ...calls]
    .map((match) => ({ target: match[1] as string, line: lineAt(source, match.index + match[0].length) }))
    .sort((left, right) => left.line - right.line);
}

const named = /^(?:import|export)\b([^;"'=(]*?)\bfrom\s*["']([^"'\n]+)["']/gm;
const destructured = /\bconst\s*\{([^}]*)\}\s*=\s*await\s+import\(\s*["']([^"'\n]+)["']/g;
const dynamic = /(?<!\}\s*=\s*await\s+)\bimport\(\s*["']([^"'\n]+)["']/g;

/** Names that a source takes from each target, as they are called there; `all`: any of them. */
export function namesImportedBy(source: string): { target: string; names: readonly string[] | "all" }[] {
  const statements = [...source.matchAll(named), ...source.matchAll(destructured)].map(([, clause, target]) => ({
    target: target as string,
    names: (clause as string).includes("*") ? ("all" as const) : namesIn(clause as string),
  }));
  const calls = [...source.matchAll(dynamic)].map((match) => ({ target: match[1] as string, names: "all" as const }));
  return [...statements, ...calls];
}

/** The original names of `type { a, b as c, type D }` or `a, b: c`. */
function namesIn(clause: string): string[] {
  const inner = /\{([^}]*)\}/.exec(clause)?.[1] ?? clause;
  return inner
    .split(",")
    .map((part) =>
      (
        part
          .trim()
          .replace(/^type\s+/, "")
          .split(/\s+as\s+|\s*:\s*/)[0] as string
      ).trim(),
    )
    .filter((name) => /^\w+$/.test(name));
}

const declaration =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|let|function\*?|class|interface|type)\s+(\w+)/gm;
const list = /^export\s+(?:type\s+)?\{([^}]*)\}(?!\s*from)/gm;

/** Names that a source declares and exports; not those that it hands on from elsewhere. */
export function exportsOf(source: string): { name: string; line: number }[] {
  const declared = [...source.matchAll(declaration)].map((match) => ({
    name: match[1] as string,
    line: lineAt(source, match.index),
  }));
  const listed = [...source.matchAll(list)].flatMap((match) =>
    (match[1] as string).split(",").flatMap((part) => {
      const name = part
        .trim()
        .replace(/^type\s+/, "")
        .split(/\s+as\s+/)
        .at(-1) as string;
      return name === "" ? [] : { name, line: lineAt(source, match.index) };
    }),
  );
  return [...declared, ...listed];
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
