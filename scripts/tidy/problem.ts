/** Something untidy: where, what, why it matters, what to do instead. */
export type Problem = { file: string; line: number; what: string; why: string; instead: string };

/** The files of a repository: path from its root, content. */
export type Tree = ReadonlyMap<string, string>;

export function formatProblem({ file, line, what, why, instead }: Problem): string {
  return `${file}:${line} ${what}\n  ${why}\n  ${instead}\n`;
}

/** Tests and what serves them alone: they may wire parts together, and talk to servers as any client does. */
export function isForTests(file: string): boolean {
  return /\.(test|contract)\.ts$|\/(tests|testing|contract)\//.test(file);
}
