import { readFileSync } from "node:fs";
import luaparse from "luaparse";
import { includeLine, type Script } from "../script.ts";

/** What Redis gives to every script, and our rules, which are written into its text. */
const globals: ReadonlySet<string> = new Set([
  ...["redis", "KEYS", "ARGV", "RULES", "cjson", "cmsgpack", "bit", "struct", "math", "string", "table"],
  ...["assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring", "type", "unpack"],
]);

/** A place where a file is taken in; the same file may be taken in at several. */
interface Inclusion {
  readonly file: string;
  /** Undefined for the script itself. */
  readonly into: Inclusion | undefined;
  readonly source: string;
  readonly header: Header;
}

interface Header {
  /** Names of others that the piece reads. */
  readonly Needs: ReadonlySet<string>;
  /** Its own names that others may read. */
  readonly Gives: ReadonlySet<string>;
  /** Names of others that the piece assigns. */
  readonly Changes: ReadonlySet<string>;
}

/**
 * Holds the pieces that a script takes in with `-- #include` against their headers. A header is the comment at the top
 * of a file, with lines such as `-- Needs: now_us, clock_ms`; names that do not fit go on in the next line, indented.
 *
 * - A name that is not the piece's own is among Needs, or among Changes if the piece assigns it; nothing else is.
 * - What a piece Gives is declared in it, outside of its blocks, and assigned. Its other names are for what it takes in.
 * - No declaration hides a name of another piece that is visible there.
 * - No global is used but those of Redis, and none is made.
 *
 * @returns a line per fault
 */
export function faultsOfPieces(folder: URL, script: Pick<Script, "file" | "source">): string[] {
  const root = inclusionOf(folder, script.file, undefined);
  const lines = linesOf(folder, root);
  if (lines.map(({ text }) => text).join("\n") !== script.source) return [`${script.file} is not what its files say`];
  const check = new PieceCheck(lines.map(({ from }) => from));
  const { body } = luaparse.parse(script.source, { luaVersion: "5.1", locations: true, comments: false });
  check.block(body, new Scope(), root);
  return [...new Set([...check.faults, ...check.unusedNames()])];
}

function inclusionOf(folder: URL, file: string, into: Inclusion | undefined): Inclusion {
  const source = readFileSync(new URL(file, folder), "utf8");
  return { file, into, source, header: headerOf(source) };
}

function linesOf(folder: URL, from: Inclusion): { text: string; from: Inclusion }[] {
  return from.source.split("\n").flatMap((text) => {
    const [, path] = includeLine.exec(text) ?? [];
    return path === undefined ? [{ text, from }] : linesOf(folder, inclusionOf(folder, `${path}.lua`, from));
  });
}

function headerOf(source: string): Header {
  const [comment = ""] = /^(--(?! #include).*\n)*/.exec(source) ?? [];
  const names = (label: string) => {
    const [, list = ""] = new RegExp(`^-- ${label}:((?:.*,\\n-- )*.*)$`, "m").exec(comment) ?? [];
    return new Set(list.match(/\w+/g));
  };
  return { Needs: names("Needs"), Gives: names("Gives"), Changes: names("Changes") };
}

/** Names that are visible in a block, with who declared them. */
class Scope {
  readonly #names = new Map<string, Inclusion>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  find(name: string): Inclusion | undefined {
    return this.#names.get(name) ?? this.#outer?.find(name);
  }

  declare(name: string, by: Inclusion): void {
    this.#names.set(name, by);
  }
}

type Node = luaparse.Node & { readonly loc?: { readonly start: { readonly line: number } } };
type Use = "reads" | "assigns";

/** Walks over a script and resolves each name as Lua does. */
class PieceCheck {
  readonly faults: string[] = [];
  /** By line of the script. */
  readonly #origins: readonly Inclusion[];
  /** Names of others that a piece uses, and those of them that it assigns. */
  readonly #used = new Map<Inclusion, Set<string>>();
  readonly #changed = new Map<Inclusion, Set<string>>();
  /** Names that a piece declares outside of any block of its own. */
  readonly #declared = new Map<Inclusion, Set<string>>();
  /** Names of a piece that have a value at some time. */
  readonly #assigned = new Map<Inclusion, Set<string>>();
  readonly #blockOwners: Inclusion[] = [];

  constructor(origins: readonly Inclusion[]) {
    this.#origins = origins;
  }

  /** @param owner the file whose block it is */
  block(body: readonly luaparse.Statement[], scope: Scope, owner: Inclusion): void {
    this.#blockOwners.push(owner);
    for (const statement of body) this.#statement(statement, scope);
    this.#blockOwners.pop();
  }

  /** What headers list without need. */
  unusedNames(): string[] {
    return [...new Set(this.#origins)].flatMap((piece) => {
      const { Needs, Changes, Gives } = piece.header;
      const { file } = piece;
      const without = (names: ReadonlySet<string>, map: ReadonlyMap<Inclusion, ReadonlySet<string>>) =>
        [...names].filter((name) => !map.get(piece)?.has(name));
      return [
        ...without(Needs, this.#used).map((name) => `${file} does not read ${name}: take it out of its Needs`),
        ...without(Changes, this.#changed).map((name) => `${file} does not assign ${name}: take it out of its Changes`),
        ...without(Gives, this.#declared).map((name) => `${file} says that it gives ${name}, and does not declare it`),
        ...without(Gives, this.#assigned).map((name) => `${file} says that it gives ${name}, and never assigns it`),
      ];
    });
  }

  #statement(node: luaparse.Statement, scope: Scope): void {
    switch (node.type) {
      case "LocalStatement":
        this.#expressions(node.init, scope);
        for (const variable of node.variables) {
          this.#declare(variable, scope);
          if (node.init.length > 0) addTo(this.#assigned, this.#originOf(variable), variable.name);
        }
        break;
      case "AssignmentStatement":
        this.#expressions(node.init, scope);
        for (const variable of node.variables) {
          if (variable.type === "Identifier") this.#use(variable, "assigns", scope);
          else this.#expression(variable, scope);
        }
        break;
      case "FunctionDeclaration":
        if (node.identifier?.type === "Identifier") {
          if (node.isLocal) this.#declare(node.identifier, scope);
          this.#use(node.identifier, "assigns", scope);
        }
        this.#function(node, scope);
        break;
      case "ForNumericStatement":
        this.#expressions([node.start, node.end, ...(node.step === null ? [] : [node.step])], scope);
        this.#inner(node, [node.variable], node.body, scope);
        break;
      case "ForGenericStatement":
        this.#expressions(node.iterators, scope);
        this.#inner(node, node.variables, node.body, scope);
        break;
      case "IfStatement":
        for (const clause of node.clauses) {
          if (clause.type !== "ElseClause") this.#expression(clause.condition, scope);
          this.#inner(node, [], clause.body, scope);
        }
        break;
      case "WhileStatement":
        this.#expression(node.condition, scope);
        this.#inner(node, [], node.body, scope);
        break;
      case "DoStatement":
        this.#inner(node, [], node.body, scope);
        break;
      case "RepeatStatement":
        // What it waits for may name what its body declares.
        this.block(node.body, new Scope(scope), this.#originOf(node));
        this.#expression(node.condition, scope);
        break;
      default:
        this.#expression(node, scope);
    }
  }

  #function(node: luaparse.FunctionDeclaration, scope: Scope): void {
    const parameters = node.parameters.filter((parameter) => parameter.type === "Identifier");
    this.#inner(node, parameters, node.body, scope);
  }

  #inner(node: Node, names: readonly luaparse.Identifier[], body: luaparse.Statement[], outer: Scope): void {
    const scope = new Scope(outer);
    for (const name of names) this.#declare(name, scope, false);
    this.block(body, scope, this.#originOf(node));
  }

  #expressions(nodes: readonly Node[], scope: Scope): void {
    for (const node of nodes) this.#expression(node, scope);
  }

  #expression(node: Node, scope: Scope): void {
    if (node.type === "Identifier") this.#use(node, "reads", scope);
    else if (node.type === "FunctionDeclaration") this.#function(node, scope);
    else if (node.type === "MemberExpression") this.#expression(node.base, scope);
    else if (node.type === "TableKeyString") this.#expression(node.value, scope);
    else this.#expressions(Object.values(node).flat().filter(isNode), scope);
  }

  #declare(node: luaparse.Identifier, scope: Scope, isStatement = true): void {
    const { name } = node;
    const origin = this.#originOf(node);
    const hidden = scope.find(name);
    if (hidden !== undefined && hidden.file !== origin.file)
      this.#fault(node, `declares ${name}, which ${hidden.file} declares: name it otherwise`);
    else if (globals.has(name)) this.#fault(node, `declares ${name}, which is Redis': name it otherwise`);
    scope.declare(name, origin);
    // What stands outside of the blocks of a piece is in a block of the file that takes it in.
    if (isStatement && this.#blockOwners.at(-1) !== origin) addTo(this.#declared, origin, name);
  }

  #use(node: luaparse.Identifier, use: Use, scope: Scope): void {
    const { name } = node;
    const user = this.#originOf(node);
    const owner = scope.find(name);
    if (owner !== undefined && use === "assigns") addTo(this.#assigned, owner, name);
    if (owner === user) return;
    if (owner === undefined) {
      if (!globals.has(name) || use === "assigns")
        this.#fault(node, `${use} ${name}, which nothing in front of it gives`);
      return;
    }
    if (!isWithin(user, owner) && !owner.header.Gives.has(name)) {
      this.#fault(node, `${use} ${name} of ${owner.file}, which does not say that it gives it: add it to its Gives`);
    }
    // What a file takes in itself it does not need from others.
    if (isWithin(owner, user)) return;
    addTo(use === "assigns" ? this.#changed : this.#used, user, name);
    const { Needs, Changes } = user.header;
    if (use === "assigns" && !Changes.has(name)) this.#fault(node, `assigns ${name} of others: add it to its Changes`);
    if (!Needs.has(name) && !Changes.has(name)) this.#fault(node, `reads ${name} of others: add it to its Needs`);
  }

  #fault(node: Node, what: string): void {
    this.faults.push(`${this.#originOf(node).file} ${what}`);
  }

  #originOf(node: Node): Inclusion {
    return this.#origins[(node.loc?.start.line ?? 1) - 1] as Inclusion;
  }
}

/** Whether a piece is taken in by the other, or by one that is. */
function isWithin(piece: Inclusion, other: Inclusion): boolean {
  for (let outer = piece.into; outer !== undefined; outer = outer.into) if (outer === other) return true;
  return false;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function addTo(sets: Map<Inclusion, Set<string>>, key: Inclusion, name: string): void {
  sets.set(key, (sets.get(key) ?? new Set()).add(name));
}
