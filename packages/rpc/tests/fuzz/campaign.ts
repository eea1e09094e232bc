import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { waitUntil } from "@realchat/presence-testing";
import { createRpcServer, type RpcEngine } from "../../server/rpc-server.ts";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { unary } from "../conformance/texts.ts";
import { type FuzzedFrame, showFrame } from "./fuzzed-frame.ts";
import { mutated } from "./mutations.ts";
import { SeededRandom } from "./seeded-random.ts";
import { sendFrames } from "./send-frames.ts";
import { limitSets, target } from "./target.ts";
import { wellFormedFrames } from "./well-formed-frames.ts";

interface Finding {
  /** The seed and round that repeat it, unless it needs its neighbours. */
  readonly seed: number;
  readonly round: number;
  readonly what: string;
  /** As `showFrame` shows them; empty when it is not known which round it was. */
  readonly frames: readonly string[];
}

interface CampaignOptions {
  readonly seed: number;
  readonly firstRound?: number;
  /** Asked before each batch of rounds. */
  readonly isOver: (rounds: number) => boolean;
  /** How many rounds at once. */
  readonly atOnce?: number;
}

const growthMaxBytes = 48 * 2 ** 20;

/**
 * Attacks running servers with frame sequences that are mutated, each round with one on a connection of its own.
 * After each batch of rounds the servers must be as before: no bug, nothing open, and a good client is answered.
 * @returns the number of rounds and the first findings, after which it stops
 */
export async function runCampaign(options: CampaignOptions): Promise<{ rounds: number; findings: Finding[] }> {
  const { seed, firstRound = 0, isOver, atOnce = 64 } = options;
  const servers = await Promise.all(limitSets.map((_, index) => Target.open(index)));
  const findings: Finding[] = [];
  let baseline: number | undefined;
  let rounds = 0;
  while (findings.length === 0 && !isOver(rounds)) {
    const batch = Array.from({ length: atOnce }, (_, index) => firstRound + rounds + index);
    rounds += atOnce;
    await Promise.all(batch.map(async (round) => findings.push(...(await runRound(servers, seed, round)))));
    for (const server of servers) {
      for (const what of await server.violations())
        findings.push({ seed, round: batch[0] as number, what, frames: [] });
    }
    if (rounds % (atOnce * 16) !== 0) continue;
    const used = memoryInUse();
    baseline ??= used;
    if (used - baseline > growthMaxBytes) {
      const what = `memory has grown from ${baseline} to ${used} bytes`;
      findings.push({ seed, round: batch[0] as number, what, frames: [] });
    }
  }
  for (const server of servers) {
    for (const what of await server.close()) findings.push({ seed, round: firstRound, what, frames: [] });
  }
  return { rounds, findings };
}

async function runRound(servers: readonly Target[], seed: number, round: number): Promise<Finding[]> {
  const random = new SeededRandom(seed ^ Math.imul(round + 1, 0x9e3779b1));
  const server = random.pick(servers);
  const frames = mutated(wellFormedFrames(random), random);
  const violations = await sendFrames(server.port, frames, random);
  return violations.map((what) => ({ seed, round, what, frames: frames.map(showFrame) }));
}

/** A server under attack. */
class Target {
  readonly port: number;
  readonly #server: RpcEngine;
  readonly #bugs: string[];

  /** @param limitSet index in `limitSets` */
  static async open(limitSet: number): Promise<Target> {
    const bugs: string[] = [];
    const server = createRpcServer({
      services: [target],
      limits: limitSets[limitSet],
      onInternalError: (method, error) => bugs.push(`a bug in ${method || "the engine"}: ${stackOf(error)}`),
    });
    return new Target(server, await server.listen({ host: "127.0.0.1", port: 0 }), bugs);
  }

  constructor(server: RpcEngine, port: number, bugs: string[]) {
    this.port = port;
    this.#server = server;
    this.#bugs = bugs;
  }

  /** What is wrong with the server now that every attacker is gone. */
  async violations(): Promise<string[]> {
    const found = this.#bugs.splice(0);
    try {
      await waitUntil(() => this.#isAtRest(), { what: "everything is closed", deadlineMs: 10_000 });
      await this.#answers();
    } catch (error) {
      found.push(`${stackOf(error)}; ${JSON.stringify(this.#server.metrics())}`);
    }
    return found;
  }

  async close(): Promise<string[]> {
    const closed = this.#server.drain(5_000).then(() => true);
    const isClosed = await closed;
    return isClosed && this.#isAtRest()
      ? this.#bugs
      : [`not at rest after a drain: ${JSON.stringify(this.#server.metrics())}`];
  }

  #isAtRest(): boolean {
    const { connections, streams } = this.#server.metrics();
    return connections === 0 && streams === 0;
  }

  async #answers(): Promise<void> {
    const client = await RawHttp2Client.connect(this.port);
    try {
      await client.begin();
      client.write(unary(1, "echo"));
      const { fields } = await readAnswer(client, 1);
      if (fields.get("grpc-status") !== "0") throw new Error(`a good client got status ${fields.get("grpc-status")}`);
    } finally {
      client.destroy();
    }
  }
}

/** Sends the frames of one finding again. @returns what is wrong then */
export async function repeat(frames: readonly FuzzedFrame[], limitSet: number): Promise<string[]> {
  const server = await Target.open(limitSet);
  const found = await sendFrames(server.port, frames, new SeededRandom(1));
  return [...found, ...(await server.violations()), ...(await server.close())];
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Bytes of the JavaScript heap and of buffers, when all garbage is collected. */
function memoryInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
