import type { GroundTruth, SocketFacts } from "../promises/ground-truth.ts";
import type { Timeline } from "../promises/timeline.ts";
import type { Machine } from "../time/machine.ts";
import type { ClientSide, ClientSocket, SimulatedGateway, SocketEnd } from "./client-socket.ts";
import type { SimulatedChannels } from "./simulated-channels.ts";

const callTimeoutMs = 3_000;
const retryMs = 1_000;

interface LegacyGatewayOptions {
  readonly name: string;
  readonly machine: Machine;
  readonly channels: SimulatedChannels;
  readonly heartbeatIntervalMs: number;
  readonly truth: GroundTruth;
  readonly timeline: Timeline;
}

/** A caller that knows only the existing contract: no connection_id, no session_id, and no look at a heartbeat's answer. */
export class LegacyGateway implements SimulatedGateway {
  readonly name: string;
  readonly hasTokens = false;
  readonly machine: Machine;
  readonly #options: LegacyGatewayOptions;
  readonly #sockets = new Map<string, LegacySocket>();
  #opened = 0;

  constructor(options: LegacyGatewayOptions) {
    this.name = options.name;
    this.machine = options.machine;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.machine.runs;
  }

  socketOf(userId: string, deviceId: string): string | undefined {
    return this.#sockets.get(`${userId}/${deviceId}`)?.facts.id;
  }

  open(userId: string, deviceId: string, client: ClientSide): ClientSocket {
    const { truth, timeline, machine } = this.#options;
    const id = `${machine.name}-${++this.#opened}`;
    const facts: SocketFacts = { id, userId, deviceId, gateway: machine.name, hasToken: false };
    const key = `${userId}/${deviceId}`;
    this.#sockets.get(key)?.forget("the device connected again");
    truth.opened(facts);
    timeline.note(this.name, `opens ${id} of ${userId} ${deviceId}`, userId);
    const socket = new LegacySocket(facts, client, this.#options, () => {
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
    });
    this.#sockets.set(key, socket);
    socket.begin();
    return socket;
  }

  crash(): void {
    this.machine.kill();
    for (const socket of [...this.#sockets.values()]) socket.forget("the gateway crashed");
  }

  async drain(): Promise<void> {
    for (const socket of [...this.#sockets.values()]) socket.close("server-drain");
    await new Promise<void>((resolve) => this.machine.after(5_000, resolve));
    this.crash();
  }
}

class LegacySocket implements ClientSocket {
  readonly facts: SocketFacts;
  readonly #client: ClientSide;
  readonly #options: LegacyGatewayOptions;
  readonly #onEnd: () => void;
  #isOpen = true;

  constructor(facts: SocketFacts, client: ClientSide, options: LegacyGatewayOptions, onEnd: () => void) {
    this.facts = facts;
    this.#client = client;
    this.#options = options;
    this.#onEnd = onEnd;
  }

  begin(): void {
    this.#register();
    this.#beatLater();
  }

  /** It knows of no such call. */
  use(): void {}

  close(end: SocketEnd): void {
    if (!this.#isOpen) return;
    this.forget(end);
    const { userId, deviceId } = this.facts;
    const { channels } = this.#options;
    const request = { userId, deviceId };
    channels.api.unregisterSession(request, { timeoutMs: callTimeoutMs }).catch(() => {});
  }

  /** Nothing is said of it from now on. */
  forget(why: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.timeline.note(this.#options.name, `closes ${this.facts.id}: ${why}`, this.facts.userId);
    this.#options.truth.released(this.facts.id);
    this.#onEnd();
    this.#client.closed(why);
  }

  #register(): void {
    if (!this.#isOpen) return;
    const { channels, machine } = this.#options;
    const { userId, deviceId } = this.facts;
    const request = { userId, deviceId, instanceId: machine.name };
    channels.api.registerSession(request, { timeoutMs: callTimeoutMs }).catch(() => {
      machine.after(retryMs, () => this.#register());
    });
  }

  #beatLater(): void {
    const { channels, machine, heartbeatIntervalMs } = this.#options;
    const { userId, deviceId } = this.facts;
    machine.after(heartbeatIntervalMs * (0.9 + machine.random() / 5), () => {
      if (!this.#isOpen) return;
      channels.api.refreshSession({ userId, deviceId, sessionId: "" }, { timeoutMs: callTimeoutMs }).catch(() => {});
      this.#beatLater();
    });
  }
}
