import { read } from "./files.ts";
import { matches } from "./matches.ts";

/** compose.yaml, as far as tests look into it: enough of YAML for a file of our own. */
export const compose = read("compose.yaml");
const [beforeServices = "", ofServices = ""] = compose.split("\nservices:\n");

/** By name, as text. */
export const services = sectionsOf(`\n${ofServices}`, 2);

/** What all containers of a service have in common, under `x-presence` and `x-delivery`. */
const shared = sectionsOf(beforeServices, 0);

type Service = "presence" | "delivery";

export function environmentOfService(name: Service): Readonly<Record<string, string>> {
  return environmentOf(shared.get(`x-${name}`) ?? "");
}

/** Names of the containers that run it. */
export function containersOf(name: Service): string[] {
  return [...services].filter(([, section]) => section.includes(`<<: *${name}\n`)).map(([container]) => container);
}

/** The first `environment` mapping in a piece of YAML. */
export function environmentOf(yaml: string): Readonly<Record<string, string>> {
  const [mapping = ""] = matches(yaml, /^ +environment:\n((?: +(?:#.*|[A-Z_]+: .+)\n)+)/gm);
  return Object.fromEntries(
    [...mapping.matchAll(/^ +([A-Z_]+): "?([^"\n]+)"?$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** The values of a mapping at this indentation, as text, by key. */
function sectionsOf(yaml: string, indent: number): Map<string, string> {
  const key = new RegExp(`^ {${indent}}([\\w-]+):`, "gm");
  const starts = [...yaml.matchAll(key)];
  return new Map(
    starts.map((start, index) => [start[1] ?? "", yaml.slice(start.index, starts[index + 1]?.index ?? yaml.length)]),
  );
}
