import { execFileSync } from "node:child_process";

/** CycloneDX, as far as we read it. https://cyclonedx.org/docs/1.5/json */
interface Bom {
  readonly bomFormat: string;
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly properties: readonly { readonly name: string; readonly value: string }[];
}

/**
 * What the services run on, by package-lock.json: `npm sbom` of all, less what only builds and tests need. Its own
 * `--omit=dev` leaves out also what one workspace runs on and another one only tests with, such as `@redis/client`.
 * @param root folder of the repository
 */
export function bomOf(root: string): Bom {
  const args = ["sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=application"];
  const options = { cwd: root, encoding: "utf8", maxBuffer: 64 * 2 ** 20 } as const;
  const all: Bom = JSON.parse(execFileSync("npm", args, options));
  const components = all.components.filter(({ properties }) => !properties.some(isDevelopment));
  const kept = new Set(components.map((component) => component["bom-ref"]));
  const dependencies = all.dependencies
    .filter(({ ref }, index) => index === 0 || kept.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((dependency) => kept.has(dependency)) }));
  return { ...all, components, dependencies };
}

function isDevelopment({ name, value }: Component["properties"][number]): boolean {
  return name === "cdx:npm:package:development" && value === "true";
}
