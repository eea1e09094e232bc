import { posix } from "node:path";
import type { Tree } from "./problem.ts";
import { importsOf, isSource } from "./source.ts";

/** Which file of the tree an import leads to. */
export class ImportGraph {
  readonly #tree: Tree;
  /** `@realchat/presence-rpc/testing` → its file. */
  readonly #frontDoors = new Map<string, string>();

  constructor(tree: Tree) {
    this.#tree = tree;
    for (const workspace of workspacesOf(tree)) {
      for (const [door, file] of Object.entries(workspace.exports)) {
        this.#frontDoors.set(posix.join(workspace.name, door), posix.join(workspace.folder, file));
      }
    }
  }

  /** @returns undefined for what is not in the tree: Node's own, a library, generated code */
  resolve(file: string, target: string): string | undefined {
    const path = target.startsWith(".") ? posix.join(posix.dirname(file), target) : this.#frontDoors.get(target);
    return path !== undefined && this.#tree.has(path) ? path : undefined;
  }

  /** Files that each source imports, types too. */
  edges(): Map<string, readonly { file: string; line: number }[]> {
    const edges = new Map<string, { file: string; line: number }[]>();
    for (const [file, source] of this.#tree) {
      if (!isSource(file)) continue;
      edges.set(
        file,
        importsOf(source).flatMap(({ target, line }) => {
          const imported = this.resolve(file, target);
          return imported === undefined ? [] : [{ file: imported, line }];
        }),
      );
    }
    return edges;
  }

  /** Files that others than this repository may import: a package's front doors, or a program's beginning. */
  get frontDoors(): ReadonlySet<string> {
    return new Set(this.#frontDoors.values());
  }
}

/** A folder with a package.json. */
export interface Workspace {
  readonly folder: string;
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

export function workspacesOf(tree: Tree): Workspace[] {
  return [...tree].flatMap(([path, text]) => {
    if (posix.basename(path) !== "package.json") return [];
    const {
      name = "",
      exports = {},
      dependencies,
      peerDependencies,
      optionalDependencies,
      devDependencies,
    } = JSON.parse(text);
    return {
      folder: posix.dirname(path),
      name,
      exports,
      dependencies: Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }),
      devDependencies: Object.keys(devDependencies ?? {}),
    };
  });
}
