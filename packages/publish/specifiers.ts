import { builtinModules } from "node:module";

// `import "x"`, `import … from "x"`, `export … from "x"`, `import("x")`, in code and in types.
const specifier = /(\b(?:from|import)\s*\(?\s*)(["'])([^"'\s]+)\2/g;

/** What code or types import: files, and names of packages. */
export function specifiersOf(code: string): string[] {
  return [...code.matchAll(specifier)].map(([, , , target]) => target as string);
}

/** The same code with other imports. */
export function withSpecifiers(code: string, replaced: (target: string) => string): string {
  return code.replace(specifier, (_, before, quote, target) => `${before}${quote}${replaced(target)}${quote}`);
}

/** @returns undefined for a file, and for what Node brings */
export function packageOf(target: string): string | undefined {
  if (target.startsWith(".") || target.startsWith("node:")) return undefined;
  const parts = target.split("/");
  const name = parts.slice(0, target.startsWith("@") ? 2 : 1).join("/");
  return builtinModules.includes(name) ? undefined : name;
}

/** Files that code reads at run time, as it says it: `new URL("./a.lua", import.meta.url)`. */
export function filesReadBy(code: string): string[] {
  return [...code.matchAll(/\bnew URL\(\s*["'](\.[^"'\n]+)["'],\s*import\.meta\.url\s*\)/g)].map(
    ([, target]) => target as string,
  );
}
