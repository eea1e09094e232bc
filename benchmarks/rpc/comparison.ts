import { writeFileSync } from "node:fs";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { temporaryFolder } from "@realchat/presence-testing";
import type { Bench } from "../benchmark.ts";
import { grpcGo, grpcJs, leanGrpcJs, nodeHttp2, ownEngine } from "./contestants.ts";
import { buildGoPrograms, type GoPrograms } from "./go-programs.ts";
import { hotFunctions } from "./hot-functions.ts";
import { RunningServer } from "./running-server.ts";
import type { StreamOptions } from "./servers/answers.ts";
import type { Usage } from "./servers/serve.ts";

/** What calls a server until it is ended. */
interface Load {
  /** Calls for that long, and then waits for the answers. */
  run(forMs: number): Promise<unknown>;
  end(): Promise<unknown>;
}

/** By the contestant's name, one per round. */
export type Samples<Sample = number> = ReadonlyMap<string, readonly Sample[]>;

interface Options {
  readonly isTls?: boolean;
  /** Go has no turns of an event loop: paced streams are without it. */
  readonly streams?: StreamOptions;
}

/** The contestants' servers, all of them there while they are compared, each with nothing to do but in its turn. */
export class Comparison {
  readonly go: GoPrograms | undefined;
  /** PEM file for clients; undefined: plain text. */
  readonly ca: string | undefined;
  readonly servers: readonly RunningServer[];
  readonly #bench: Bench;

  private constructor(bench: Bench, go: GoPrograms | undefined, ca: string | undefined, servers: RunningServer[]) {
    this.#bench = bench;
    this.go = go;
    this.ca = ca;
    this.servers = servers;
  }

  /** In a quick run only our own engine and grpc-js. */
  static async start(bench: Bench, { isTls = false, streams }: Options = {}): Promise<Comparison> {
    const go = await buildGoPrograms(bench.progress);
    const folder = isTls ? certificateFolder() : undefined;
    const withGo = go === undefined || streams?.isPaced === true ? [] : [grpcGo(go)];
    const others = bench.quick ? [] : [leanGrpcJs, nodeHttp2, ...withGo];
    const servers: RunningServer[] = [];
    for (const contestant of [ownEngine, grpcJs, ...others]) {
      const profile = contestant === ownEngine ? bench.profile : undefined;
      servers.push(await RunningServer.start(contestant, { tls: folder, streams, profile }));
    }
    return new Comparison(bench, go, folder && `${folder}/ca.pem`, servers);
  }

  /**
   * The contestants take turns, round by round; a round before the first that counts is to warm up.
   * @param measure called with the contestant's server and its load
   */
  async inTurns<L extends Pick<Load, "end">, Sample>(
    rounds: number,
    loadOf: (server: RunningServer) => L,
    measure: (server: RunningServer, load: L) => Promise<Sample>,
  ): Promise<Samples<Sample>> {
    const turns = this.servers.map((server) => ({ server, load: loadOf(server), samples: [] as Sample[] }));
    for (let round = 0; round <= rounds; round++) {
      for (const { server, load, samples } of turns) {
        const sample = await measure(server, load);
        if (round > 0) samples.push(sample);
      }
    }
    for (const { load } of turns) await load.end();
    return new Map(turns.map(({ server, samples }) => [server.contestant.name, samples]));
  }

  /** Server CPU a message, µs, of the calls of one round after the other. */
  cpuUs(rounds: number, loadOf: (server: RunningServer) => Load): Promise<Samples> {
    const forMs = this.#bench.quick ? 1_000 : 700;
    return this.inTurns(rounds, loadOf, async (server, load) => {
      const before = await server.usage();
      await load.run(forMs);
      return usPerMessage(before, await server.usage());
    });
  }

  async end(): Promise<void> {
    for (const server of this.servers) await server.end();
    const { profile, progress } = this.#bench;
    if (profile !== undefined) progress(`where our engine spent its time, ${profile}:\n${hotFunctions(profile)}`);
  }
}

/** What a message took of the server between two looks at it. */
export function usPerMessage(before: Usage, after: Usage): number {
  return (after.cpuUs - before.cpuUs) / (after.messagesSent - before.messagesSent);
}

/** The authority's certificate as ca.pem, the server's as certificate.pem and key.pem. */
function certificateFolder(): string {
  const { ca, server } = issueCertificates();
  const { path } = temporaryFolder("certificates");
  writeFileSync(`${path}/ca.pem`, ca);
  writeFileSync(`${path}/certificate.pem`, server.certificate);
  writeFileSync(`${path}/key.pem`, server.key);
  return path;
}
