import { type SessionHandle, SessionKeeper } from "@realchat/presence-client";
import type { AudienceDirectory } from "../../services/delivery/audience/directory.ts";
import type { PresenceFeed } from "../../services/delivery/feed/feed.ts";
import { presenceLookup } from "../../services/delivery/presence-lookup.ts";
import { PresencePush } from "../../services/delivery/push/presence-push.ts";
import { TestPolicies } from "../../services/delivery/push/testing/test-policies.ts";
import type { GroundTruth, SocketFacts } from "../promises/ground-truth.ts";
import type { Timeline } from "../promises/timeline.ts";
import type { Machine } from "../time/machine.ts";
import type { ClientSide, ClientSocket, SimulatedGateway, SocketEnd } from "./client-socket.ts";
import { contentOf, dotFrames } from "./dot-frames.ts";
import type { SimulatedChannels } from "./simulated-channels.ts";

interface TokenGatewayOptions {
  readonly name: string;
  readonly machine: Machine;
  readonly channels: SimulatedChannels;
  /** What tells it of changes. */
  readonly feed: Pick<PresenceFeed, "start" | "floorOf" | "health">;
  readonly directory: Pick<AudienceDirectory, "visibleTo" | "maySee">;
  /** Whether one heartbeat keeps all its sessions. */
  readonly leases: boolean;
  readonly truth: GroundTruth;
  readonly timeline: Timeline;
  /** A promise is broken. */
  readonly object: (promise: string, userId: string, message: string) => void;
  /** Puts a run off to the next turn of the event loop. */
  readonly nextTurn: (run: () => void) => void;
}

/** Delivery as services/delivery/main.ts puts it together, but for HTTP: SessionKeeper and push, and its sockets. */
export class TokenGateway implements SimulatedGateway {
  readonly name: string;
  readonly hasTokens = true;
  readonly machine: Machine;
  readonly #options: TokenGatewayOptions;
  readonly #keeper: SessionKeeper;
  readonly #push: PresencePush;
  readonly #sockets = new Set<OpenSocket>();
  #opened = 0;
  #isDraining = false;

  constructor(options: TokenGatewayOptions) {
    const { name, machine, channels, feed, directory, leases, nextTurn } = options;
    this.name = name;
    this.machine = machine;
    this.#options = options;
    this.#keeper = new SessionKeeper({ channels, instanceId: machine.name, leases, clock: machine });
    this.#push = new PresencePush({
      directory,
      policies: new TestPolicies(machine),
      lookup: presenceLookup(channels.api),
      clock: machine,
      limits: { interestMax: 1_000, watchedMax: 1_000, lookupMax: 1_000 },
      slowMs: 10_000,
      reconcileEveryMs: 300_000,
      isFeedListening: () => feed.health().ready,
      floorOf: (shard, partition) => feed.floorOf(shard, partition),
      observeAge() {},
      onDirectoryFailure() {},
      nextTurn,
    });
    void feed.start(this.#push);
  }

  get isOpen(): boolean {
    return this.machine.runs && !this.#isDraining;
  }

  open(userId: string, deviceId: string, client: ClientSide): ClientSocket {
    const { truth, timeline } = this.#options;
    const facts: SocketFacts = {
      id: `${this.machine.name}-${++this.#opened}`,
      userId,
      deviceId,
      gateway: this.machine.name,
      hasToken: true,
    };
    truth.opened(facts);
    timeline.note(this.name, `opens ${facts.id} of ${userId} ${deviceId}`, userId);
    const socket = new OpenSocket(facts, client, this.#options, () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    socket.begin(this.#keeper, this.#push);
    return socket;
  }

  /** The process is gone, and its sockets with it. */
  crash(): void {
    this.machine.kill();
    for (const socket of [...this.#sockets]) socket.lose("the gateway crashed");
  }

  /** Goes away as it does at a deployment. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#keeper.announceDrain();
    for (const socket of [...this.#sockets]) {
      this.machine.after(this.machine.random() * 2_000, () => socket.close("server-drain"));
    }
    await new Promise<void>((resolve) => this.machine.after(2_100, resolve));
    await this.#keeper.drain({ deadlineMs: 8_000 });
    this.#push.close();
    this.crash();
  }

  /** Sockets with a write that the network has not taken. */
  get metrics() {
    return { keeper: this.#keeper.metrics(), push: this.#push.metrics };
  }
}

class OpenSocket implements ClientSocket {
  readonly facts: SocketFacts;
  readonly #client: ClientSide;
  readonly #options: TokenGatewayOptions;
  readonly #onEnd: () => void;
  #end: (end: SocketEnd) => void = () => {};
  #session: SessionHandle | undefined;
  #isOpen = true;

  constructor(facts: SocketFacts, client: ClientSide, options: TokenGatewayOptions, onEnd: () => void) {
    this.facts = facts;
    this.#client = client;
    this.#options = options;
    this.#onEnd = onEnd;
  }

  begin(keeper: SessionKeeper, push: PresencePush): void {
    const { userId, deviceId, id } = this.facts;
    const subscription = push.connect(userId, {
      format: dotFrames,
      send: (frame, taken) => {
        if (!this.#isOpen) return true;
        this.#client.receive(contentOf(frame));
        void this.#client.taken().then(() => {
          if (this.#isOpen) this.#options.machine.receive(taken);
        });
        return false;
      },
      closeSlow: () => this.#shut("connection-lost", "it reads too slowly"),
    });
    const session = keeper.open({ userId, deviceId, connectionId: id });
    session.onSuperseded((by) => {
      const objection = by === "newer-connection" ? this.#options.truth.superseded(id) : undefined;
      if (objection !== undefined) this.#options.object("P7", userId, objection);
      this.#shut("connection-lost", `superseded by ${by}`);
    });
    session.onForced(({ reason }) => this.#shut("connection-lost", `closed by an operator: ${reason}`));
    session.onRefused((error) => this.#shut("connection-lost", error.message));
    this.#session = session;
    this.#end = (end) => {
      subscription.close();
      void session.close(end);
    };
  }

  use(idleSinceMs: number): void {
    if (!this.#isOpen) return;
    this.#options.truth.used(this.facts.id, idleSinceMs > 0);
    this.#session?.setActivity(idleSinceMs > 0 ? { idleSinceMs } : "active");
  }

  close(end: SocketEnd): void {
    this.#shut(end, end);
  }

  lose(why: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#note(why);
    this.#options.truth.released(this.facts.id);
    this.#onEnd();
    this.#client.closed(why);
  }

  #shut(end: SocketEnd, why: string): void {
    if (!this.#isOpen) return;
    this.lose(why);
    this.#end(end);
  }

  #note(why: string): void {
    this.#options.timeline.note(this.#options.name, `closes ${this.facts.id}: ${why}`, this.facts.userId);
  }
}
