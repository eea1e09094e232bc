import { setImmediate as turn } from "node:timers/promises";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { Lookups } from "../../services/delivery/push/lookups.ts";
import type { Benchmark } from "../benchmark.ts";

const users = 1_000_000;
const usersOfSocket = 500;
const batchMax = 1_000;

/** Sockets that open while presence does not answer, each with users that have no watcher yet. */
export const gatewayOutage: Benchmark = {
  name: "gateway-outage",
  about: "what a user costs that a new socket is to be shown while presence is away",
  limitSeconds: 120,
  async run(bench) {
    const sockets = bench.quick ? 200 : 2_000;
    const ours: number[] = [];
    const theirs: number[] = [];
    bench.progress(`${sockets.toLocaleString("en")} sockets, ${usersOfSocket} users each`);
    for (let round = 0; round < (bench.quick ? 2 : 5); round++) {
      ours.push(await cpuUsOfUser(sockets, lookups()));
      theirs.push(await cpuUsOfUser(sockets, pairs()));
    }
    bench.report({
      name: `CPU a user, ${sockets.toLocaleString("en")} sockets`,
      unit: "µs",
      samples: ours,
      baseline: { name: "a Map from user to those who wait", samples: theirs },
    });
  },
};

type Ask = (userIds: readonly string[]) => void;

function lookups(): Ask {
  const waiting = new Lookups({ lookUp: () => new Promise(() => {}), clock, batchMax });
  return (userIds) => void waiting.request(userIds);
}

function pairs(): Ask {
  const waiting = new Map<string, object[]>();
  return (userIds) => {
    const socket = {};
    for (const userId of userIds) {
      const those = waiting.get(userId);
      if (those === undefined) waiting.set(userId, [socket]);
      else those.push(socket);
    }
  };
}

async function cpuUsOfUser(sockets: number, ask: Ask): Promise<number> {
  let user = 0;
  const asked = Array.from({ length: sockets }, () => Array.from({ length: usersOfSocket }, () => idOf(user++)));
  await turn();
  const before = process.cpuUsage();
  for (const userIds of asked) ask(userIds);
  const { user: userUs, system } = process.cpuUsage(before);
  return (userUs + system) / (sockets * usersOfSocket);
}

function idOf(index: number): string {
  return `user-${index % users}`;
}
