import { fileURLToPath } from "node:url";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import type { Benchmark } from "../benchmark.ts";
import { type Contestant, grpcGo, grpcJs, nodeHttp2, ownEngine } from "./contestants.ts";
import { buildGoPrograms } from "./go-programs.ts";
import { LineProcess } from "./line-process.ts";
import { reportSideBySide } from "./report.ts";
import { RunningServer } from "./running-server.ts";

/** Of our engine and grpc-js it holds two keepalive PINGs, 30 s apart. */
const idleMs = 65_000;

/** What connections without calls take; their buffers in the kernel are of no process. */
export const rpcIdle: Benchmark = {
  name: "rpc-idle",
  about: "what 10,000 connections without calls take of the server's memory and CPU, keepalive included",
  limitSeconds: 240,
  async run(bench) {
    const connections = bench.quick ? 1_000 : 10_000;
    const idleFor = bench.quick ? 5_000 : idleMs;
    const go = await buildGoPrograms(bench.progress);
    // All at the same time: the figures are of each process alone, and a minute for each would be long.
    const contestants = [ownEngine, grpcJs, nodeHttp2, ...(go === undefined ? [] : [grpcGo(go)])];
    const costs = new Map<string, Cost>();
    await Promise.all(
      contestants.map(async (contestant) => {
        costs.set(contestant.name, await costOfIdling(contestant, connections, idleFor));
        bench.progress(contestant.name);
      }),
    );
    const select = (key: keyof Cost, names: readonly string[]) =>
      new Map(names.map((name) => [name, [(costs.get(name) as Cost)[key]]]));
    const count = connections.toLocaleString("en");
    reportSideBySide(bench, {
      what: `RSS a connection, ${count} idle`,
      unit: "KB",
      samples: select("addedKb", [...costs.keys()]),
      targets: { "grpc-js": { atMost: 12 } },
    });
    reportSideBySide(bench, {
      what: `CPU of ${count} connections, a PING every 30 s`,
      unit: "% of a core",
      // The others send no PINGs.
      samples: select("cpuPercent", [ownEngine.name, grpcJs.name]),
      targets: { "grpc-js": { atMost: 3 } },
    });
  },
};

interface Cost {
  /** Of a connection, in 1,000 bytes. */
  readonly addedKb: number;
  /** Of one core, while nothing came but answers to PINGs. */
  readonly cpuPercent: number;
}

async function costOfIdling(contestant: Contestant, connections: number, idleFor: number): Promise<Cost> {
  const server = await RunningServer.start(contestant, {});
  const clients = new LineProcess(process.execPath, [idleConnections, `--address=${server.address}`]);
  // What the start left behind would otherwise make room for connections, and they would seem to take less.
  await clients.ask(connections / 10);
  await clients.ask(0);
  const before = await server.usage();
  await clients.ask(connections);
  await pause(clock, settlingMs);
  const settled = await server.usage();
  await pause(clock, idleFor);
  const after = await server.usage();
  await clients.end();
  await server.end();
  return {
    addedKb: (after.residentBytes - before.residentBytes) / connections / 1_000,
    cpuPercent: ((after.cpuUs - settled.cpuUs) / (idleFor * 1000)) * 100,
  };
}

const settlingMs = 3_000;
const idleConnections = fileURLToPath(new URL("./clients/idle-connections.ts", import.meta.url));
