import type { FaultKind } from "./fault-kind.ts";

export const gatewayFaults: readonly FaultKind[] = [
  {
    name: "gateway.crash",
    lastsMs: [500, 5_000],
    weight: 1.5,
    begin({ gateways }, random) {
      const gateway = random.oneOf(gateways);
      gateway.crash();
      return { target: gateway.name, allowance: { unavailableAfterMs: 0 }, heal: () => gateway.resume() };
    },
  },
  {
    name: "gateway.stop",
    lastsMs: [500, 5_000],
    weight: 1,
    begin({ gateways }, random) {
      const gateway = random.oneOf(gateways);
      gateway.drain();
      return { target: gateway.name, allowance: { unavailableAfterMs: 0 }, heal: () => gateway.resume() };
    },
  },
  {
    name: "gateway.freeze",
    lastsMs: [500, 12_000],
    weight: 1,
    begin({ gateways }, random) {
      const gateway = random.oneOf(gateways);
      gateway.freeze();
      return { target: gateway.name, allowance: { unavailableAfterMs: 0 }, heal: () => gateway.resume() };
    },
  },
];
