import type { Bench } from "../benchmark.ts";
import type { Target } from "../report/figure.ts";
import type { Samples } from "./comparison.ts";
import { grpcJs, ownEngine } from "./contestants.ts";

/**
 * One figure for each contestant beside grpc-js, and one for our engine beside grpc-go.
 * @param targets of our engine, by the name of the contestant it is compared with
 */
export function reportSideBySide(
  bench: Bench,
  { what, unit, samples, targets = {} }: { what: string; unit: string; samples: Samples; targets?: Targets },
): void {
  const figure = (name: string, besides: string, target?: Target) => {
    const own = samples.get(name);
    const others = samples.get(besides);
    if (own === undefined || others === undefined) return;
    const baseline = { name: besides, samples: others };
    bench.report({ name: `${what}: ${name}`, unit, samples: own, baseline, target });
  };
  figure(ownEngine.name, grpcJs.name, targets["grpc-js"]);
  figure(ownEngine.name, "grpc-go", targets["grpc-go"]);
  for (const name of samples.keys()) {
    if (name !== ownEngine.name && name !== grpcJs.name) figure(name, grpcJs.name);
  }
}

export type Targets = { readonly [Besides in "grpc-js" | "grpc-go"]?: Target };
