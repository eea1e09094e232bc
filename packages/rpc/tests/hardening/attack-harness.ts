import assert from "node:assert/strict";
import { type ClientHttp2Session, connect } from "node:http2";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { waitUntil } from "@realchat/presence-testing";
import type { RpcLimits } from "../../limits.ts";
import { createRpcServer, type RpcEngine } from "../../server/rpc-server.ts";
import type { issueCertificates } from "../../testing/certificates.ts";
import { finishRawCall, openRawCall } from "../../testing/raw-call.ts";
import type { ErrorCode, Setting } from "../../testing/raw-http2/frames.ts";
import { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { describeFrame, errorCodeOf } from "../../testing/raw-http2/received-frame.ts";
import { pathOf } from "../../testing/text-service.ts";
import { messageOf } from "../conformance/texts.ts";
import { AttackedService } from "./attacked-service.ts";
import { NonReadingClient } from "./non-reading-client.ts";

/** What our own code and both sides' sockets take when they are used for the first time is most of it. */
const memoryMaxBytes = 8 * 2 ** 20;

interface AttackOptions {
  /** Those that shall be closer than by default, so that little is enough. */
  readonly limits?: Partial<RpcLimits>;
  /** For a server with TLS. */
  readonly certificates?: ReturnType<typeof issueCertificates>;
  /** What the process may hold at the end of the attack, the attackers' side included; default 8 MiB. */
  readonly memoryMaxBytes?: number;
}

/**
 * A test that attacks a running server. While it runs, a caller on its own connection is served; the memory that
 * is in use at its end is bounded; nothing counts as a bug; and when the attackers are gone, they leave nothing behind.
 */
export function attack(title: string, options: AttackOptions, run: (harness: AttackHarness) => Promise<void>): void {
  test(title, async (t) => {
    const harness = await AttackHarness.start(t, options);
    await harness.otherCaller.isServedUntil(run(harness));
    const heldBytes = harness.heldBytes();
    const maxBytes = options.memoryMaxBytes ?? memoryMaxBytes;
    assert.ok(heldBytes <= maxBytes, `${heldBytes} bytes of memory are held, ${maxBytes} were expected at most`);
    await harness.stop();
  });
}

/** What surrounds one attack: the server, its clock, and its callers. */
export class AttackHarness {
  readonly clock: FakeClock;
  readonly server: RpcEngine;
  readonly port: number;
  readonly service: AttackedService;
  readonly otherCaller: OtherCaller;
  readonly #attackers: { destroy(): void }[] = [];
  readonly #bugs: unknown[];
  #memoryBefore = 0;

  static async start(t: TestContext, { limits, certificates }: AttackOptions): Promise<AttackHarness> {
    const clock = new FakeClock();
    const service = new AttackedService();
    const bugs: unknown[] = [];
    const server = createRpcServer({
      ...{ services: [service.service], limits, tls: certificates?.server, clock },
      onInternalError: (_method, error) => bugs.push(error),
    });
    const port = await server.listen({ host: "127.0.0.1", port: 0 });
    const harness = new AttackHarness(clock, service, server, port, bugs, new OtherCaller(port, certificates?.ca));
    t.after(() => harness.#close());
    await harness.otherCaller.call();
    harness.#memoryBefore = memoryInUse();
    return harness;
  }

  private constructor(
    clock: FakeClock,
    service: AttackedService,
    server: RpcEngine,
    port: number,
    bugs: unknown[],
    otherCaller: OtherCaller,
  ) {
    this.clock = clock;
    this.service = service;
    this.server = server;
    this.port = port;
    this.#bugs = bugs;
    this.otherCaller = otherCaller;
  }

  /** A client that has exchanged prefaces, and reads what comes. */
  async client(...values: readonly Setting[]): Promise<RawHttp2Client> {
    const client = await this.rawClient();
    await client.begin(...values);
    return client;
  }

  /** A client that has sent nothing yet. */
  async rawClient(): Promise<RawHttp2Client> {
    const client = await RawHttp2Client.connect(this.port);
    this.#attackers.push(client);
    return client;
  }

  /** A client that never reads; it has sent its preface. */
  async nonReadingClient(...values: readonly Setting[]): Promise<NonReadingClient> {
    const client = await NonReadingClient.begin(this.port, ...values);
    this.#attackers.push(client);
    return client;
  }

  hits(limit: keyof RpcLimits): number {
    return this.server.metrics().limitsHit[limit] ?? 0;
  }

  /** The connection ends with GOAWAY and this code, and the limit is counted. */
  async ends(client: RawHttp2Client, code: ErrorCode, limit: keyof RpcLimits): Promise<void> {
    await client.untilClosed();
    const goaway = client.received.findLast(({ type }) => type === "GOAWAY");
    assert.ok(goaway, `no GOAWAY, but ${client.received.slice(-3).map(describeFrame).join("; ")}`);
    assert.equal(errorCodeOf(goaway), code, describeFrame(goaway));
    assert.equal(this.hits(limit), 1, `${limit} is counted`);
  }

  /** Lets time pass for the server, a second at a time, and sees that the other caller is served in each. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await this.clock.advance(Math.min(left, 1_000));
      await this.otherCaller.call();
    }
  }

  /** Returns when the handlers wait for their callers to read, and go on waiting. */
  async isHeldUp(): Promise<void> {
    let seen = -1;
    const isSame = () => {
      const { written, waitingToWrite } = this.service;
      const was = seen;
      seen = written;
      return waitingToWrite > 0 && was === written;
    };
    let times = 0;
    const isStill = () => {
      times = isSame() ? times + 1 : 0;
      return times > 5;
    };
    await waitUntil(isStill, { what: "the handlers are held up" });
  }

  /** Returns when so many connections have been closed. */
  async isLeftBy(count: number): Promise<void> {
    const left = () => this.server.metrics().connectionsTotal - this.server.metrics().connections;
    await waitUntil(() => left() >= count, { what: `${count} connections are closed` });
  }

  /** Memory in use now, above that before the attack. */
  heldBytes(): number {
    return memoryInUse() - this.#memoryBefore;
  }

  /** The attackers go, and with them whatever they have left. */
  async stop(): Promise<void> {
    this.service.release();
    for (const attacker of this.#attackers) attacker.destroy();
    const what = "the server is at rest";
    await waitUntil(() => this.server.metrics().streams === 0 && this.server.metrics().connections <= 1, { what });
    assert.deepEqual(this.#bugs, []);
  }

  async #close(): Promise<void> {
    this.service.release();
    for (const attacker of this.#attackers) attacker.destroy();
    this.otherCaller.leave();
    const drained = this.server.drain(0);
    await this.clock.advance(1);
    await drained;
  }
}

/** A caller in good order, by Node.js's own HTTP/2. */
class OtherCaller {
  readonly #session: ClientHttp2Session;

  /** @param ca PEM; with it the connection is TLS */
  constructor(port: number, ca: string | undefined) {
    this.#session =
      ca === undefined ? connect(`http://127.0.0.1:${port}`) : connect(`https://127.0.0.1:${port}`, { ca });
    this.#session.on("error", () => undefined);
  }

  /** @throws Error unless the answer is the right one */
  async call(): Promise<void> {
    const { status, message } = await finishRawCall(openRawCall(this.#session, pathOf("Unary")), messageOf("hello"));
    assert.equal(status, 0, message);
  }

  /** Calls again and again until the attack is over, and once more after it. */
  async isServedUntil(attack: Promise<void>): Promise<void> {
    let isOver = false;
    const over = attack.finally(() => {
      isOver = true;
    });
    const served = async () => {
      for (; !isOver; await pause(systemClock, 5)) await this.call();
    };
    await Promise.all([over, served()]);
    await this.call();
  }

  leave(): void {
    this.#session.destroy();
  }
}

/** Bytes of the JavaScript heap and of buffers, when all garbage is collected. */
function memoryInUse(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  // What the first collection finalizes is free after a second one.
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
