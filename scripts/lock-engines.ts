/** The oldest Node whose npm may install us. */
const oldest = 20;

interface Lock {
  readonly packages: Readonly<Record<string, { engines?: { readonly node?: string } }>>;
}

/**
 * The lock file without the engines of packages that an npm on an older Node would warn of, package by package: all that
 * they run on here is the Node 24 that `npm ci` brings along.
 */
export function withoutForeignEngines(text: string): string {
  const lock = JSON.parse(text) as Lock;
  for (const locked of Object.values(lock.packages)) if (excludesOldest(locked.engines?.node)) delete locked.engines;
  return `${JSON.stringify(lock, undefined, 2)}\n`;
}

/** Goes by the least major version of a range's alternatives: `>= 22.19.0`, `^20.0 || >=22`. */
function excludesOldest(range = ""): boolean {
  const majors = range.split("||").map((alternative) => Number(/\d+/.exec(alternative)?.[0] ?? 0));
  return Math.min(...majors) > oldest;
}
