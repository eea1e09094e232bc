import { presence } from "@realchat/presence-proto";
import { defineCommand } from "../command.ts";
import { leaseInfoJson } from "../json.ts";
import { align, printable } from "../layout.ts";
import { ago, millisOf } from "../time.ts";
import { pages } from "./pages.ts";

export const leases = defineCommand({
  name: "leases",
  summary: "the leases of gateways: who holds what, since when",
  operands: [],
  flags: {},
  details: [
    "Lists each lease with the gateway that holds it, its state, since when it is held and how many",
    "sessions are under it. Lost: its gateway is not heard of any more, and its sessions expire. Closed:",
    "its gateway said good-bye, and its sessions end.",
  ].join("\n"),
  examples: ["leases", "leases --json"],
  async run({ flags, api, terminal, clock }) {
    let isNone = true;
    const ask = (pageToken: string) => api.listLeases({ pageToken }, { timeoutMs: flags.timeout });
    for await (const { leases } of pages(ask)) {
      if (leases.length > 0) isNone = false;
      const nowMs = clock.nowUs() / 1_000;
      const lines = flags.json
        ? leases.map((lease) => JSON.stringify(leaseInfoJson(lease)))
        : align(leases.map((lease) => rowOf(lease, nowMs)));
      for (const line of lines) await terminal.print(line);
    }
    if (isNone && !flags.json) await terminal.print("no lease: no gateway uses them");
  },
});

const states: Readonly<Record<number, string>> = {
  [presence.LeaseState.LEASE_STATE_OPEN]: "open",
  [presence.LeaseState.LEASE_STATE_LOST]: "lost",
  [presence.LeaseState.LEASE_STATE_CLOSED]: "closed",
};

function rowOf({ leaseId, instanceId, state, openedAt, sessions }: presence.LeaseInfo, nowMs: number): string[] {
  return [
    printable(leaseId),
    `of ${printable(instanceId)}`,
    states[state] ?? "unknown",
    `${sessions} sessions`,
    openedAt === undefined ? "" : `opened ${ago(millisOf(openedAt), nowMs)}`,
  ];
}
