import { type PresenceAccess, type PresenceApi, PresenceClientError } from "@realchat/presence-client";
import { type CallOptions, type RpcMethod, rpcClient } from "@realchat/presence-grpc";
import { presence } from "@realchat/presence-proto";
import { type CallContext, defaultLimits, RpcError } from "@realchat/presence-rpc";
import type { Cancel } from "@realchat/presence-runtime";
import type { Path } from "../network/path.ts";
import type { PresenceNode } from "../presence/presence-node.ts";
import type { Machine } from "../time/machine.ts";
import { ResponseQueue } from "./response-queue.ts";

/** Between two health checks of a node, and how long one may take, ms: as PresenceChannels does. */
const checkEveryMs = 1_000;
const checkTimeoutMs = 2_000;
/** A node closes a connection on which nothing came for that long, and what comes later is refused, ms. */
const silenceMaxMs = defaultLimits.keepaliveTimeMs + defaultLimits.keepaliveTimeoutMs;

/** What a fleet's observer sees of the calls of a gateway. */
export interface CallTap<Sent = unknown> {
  /** @returns what is to be known when it is answered */
  sent(method: Method, request: unknown): Sent;
  /** A node reads it: perhaps long after its caller gave it up, and more than one when it was tried again. */
  read(sent: Sent): void;
  answered(method: Method, request: unknown, answer: unknown, sent: Sent): void;
  failed(method: Method, request: unknown, error: Error, sent: Sent): void;
}

export type Method = keyof typeof presence.PresenceApiDefinition.methods;

interface SimulatedChannelsOptions {
  readonly machine: Machine;
  /** Names of the places where nodes run; who runs there changes. */
  readonly places: readonly NodePlace[];
  readonly pathTo: (place: NodePlace) => Path;
  readonly tap?: CallTap;
}

/** An address of presence: a node runs there, or none. */
export interface NodePlace {
  readonly name: string;
  node: PresenceNode | undefined;
}

/** A gateway's connections to the nodes of presence: PresenceChannels without sockets. */
export class SimulatedChannels implements PresenceAccess {
  readonly api: PresenceApi;
  readonly #options: SimulatedChannelsOptions;
  readonly #channels: readonly SimulatedChannel[];
  readonly #listeners = new Set<() => void>();
  #turn: number;
  #wasServing = false;

  constructor(options: SimulatedChannelsOptions) {
    const { machine, places, pathTo } = options;
    this.#options = options;
    this.#turn = Math.floor(machine.random() * 2 ** 16);
    const changed = () => this.#changed();
    this.#channels = places.map((place) => new SimulatedChannel({ machine, place, path: pathTo(place), changed }));
    this.api = rpcClient(presence.PresenceApiDefinition, {
      unary: (method, request, callOptions) => this.#unary(methodOf(method), request, callOptions),
      serverStream: (method, request, callOptions) => this.#serverStream(methodOf(method), request, callOptions),
    });
  }

  onServing(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every connection breaks. */
  break(): void {
    for (const channel of this.#channels) channel.break();
  }

  async #unary(method: Method, request: unknown, options: CallOptions): Promise<unknown> {
    const { tap } = this.#options;
    const sent = tap?.sent(method, request);
    try {
      const answer = await this.#try({ method, request, onRead: () => tap?.read(sent) }, options, []);
      tap?.answered(method, request, answer, sent);
      return answer;
    } catch (error) {
      tap?.failed(method, request, error as Error, sent);
      throw error;
    }
  }

  async #try(call: UnaryCall, options: CallOptions, tried: readonly SimulatedChannel[]): Promise<unknown> {
    const channel = tried.length === 0 ? this.#pick() : this.#other(tried);
    if (channel === undefined) throw unavailable("no presence node answers");
    try {
      return await channel.unary(call, options);
    } catch (error) {
      const isBroken = error instanceof PresenceClientError && error.code === "UNAVAILABLE" && !channel.isConnected;
      const all = [...tried, channel];
      if (!isBroken || this.#other(all) === undefined) throw error;
      return await this.#try(call, options, all);
    }
  }

  async *#serverStream(method: Method, request: unknown, options: CallOptions): AsyncGenerator<unknown> {
    const channel = this.#pick();
    if (channel === undefined) throw unavailable("no presence node answers");
    yield* channel.serverStream(method, request, options);
  }

  #other(tried: readonly SimulatedChannel[]): SimulatedChannel | undefined {
    return this.#channels.find((channel) => channel.state === "serving" && !tried.includes(channel));
  }

  #pick(): SimulatedChannel | undefined {
    for (const wanted of ["serving", "not-serving"]) {
      for (let step = 0; step < this.#channels.length; step++) {
        const channel = this.#channels[this.#turn++ % this.#channels.length];
        if (channel?.state === wanted) return channel;
      }
    }
    return undefined;
  }

  #changed(): void {
    const serves = this.#channels.some(({ state }) => state === "serving");
    const isNews = serves && !this.#wasServing;
    this.#wasServing = serves;
    if (isNews) for (const listener of [...this.#listeners]) listener();
  }
}

interface UnaryCall {
  readonly method: Method;
  readonly request: unknown;
  readonly onRead: () => void;
}

interface SimulatedChannelOptions {
  readonly machine: Machine;
  readonly place: NodePlace;
  readonly path: Path;
  readonly changed: () => void;
}

/** A connection to one address, and what is known of the node there. */
class SimulatedChannel {
  readonly #options: SimulatedChannelOptions;
  readonly #open = new Set<(error: Error) => void>();
  #state: "serving" | "not-serving" | "unreachable" = "unreachable";
  /** The node at the other end; another one at this address means that this connection is broken. */
  #node: PresenceNode | undefined;
  #isChecking = false;
  /** Names the connection to the node's handlers. */
  #connection = {};

  constructor(options: SimulatedChannelOptions) {
    this.#options = options;
    const { machine } = options;
    machine.after(machine.random() * 50, () => {
      this.#check();
      machine.every(checkEveryMs, () => this.#check());
    });
  }

  get state() {
    return this.#state;
  }

  get isConnected(): boolean {
    return this.#node !== undefined;
  }

  break(): void {
    this.#node = undefined;
    this.#connection = {};
    this.#become("unreachable");
    const open = [...this.#open];
    this.#open.clear();
    for (const fail of open) fail(unavailable("the connection broke"));
  }

  unary({ method, request, onRead }: UnaryCall, { timeoutMs }: CallOptions): Promise<unknown> {
    const node = this.#node;
    if (node === undefined) return Promise.reject(unavailable("not connected"));
    const { machine, path } = this.#options;
    const sentMs = machine.monotonicMs();
    return new Promise<unknown>((resolve, reject) => {
      const fail = (error: Error) => {
        this.#open.delete(fail);
        stop();
        reject(error);
      };
      const late = () => fail(new PresenceClientError("DEADLINE_EXCEEDED", `no answer in ${timeoutMs} ms`));
      const stop = timeoutMs === undefined ? () => {} : machine.after(timeoutMs, late);
      this.#open.add(fail);
      const settle = (run: () => void) => {
        if (!this.#open.delete(fail)) return;
        stop();
        run();
      };
      const serve = () => {
        const silentMs = machine.monotonicMs() - sentMs - node.machine.waitedMs;
        if (silentMs > silenceMaxMs) return;
        onRead();
        this.#answer(node, method, complete(method, request)).then(
          (answer) => path.send(machine, () => settle(() => resolve(answer))),
          (error) => path.send(machine, () => settle(() => reject(clientError(error)))),
        );
      };
      path.send(node.machine, serve);
    });
  }

  async *serverStream(method: Method, request: unknown, { signal }: CallOptions): AsyncGenerator<unknown> {
    const node = this.#node;
    if (node === undefined) throw unavailable("not connected");
    const { machine, path } = this.#options;
    const queue = new ResponseQueue();
    const cancelled = new AbortController();
    const fail = (error: Error) => queue.fail(error);
    this.#open.add(fail);
    signal?.addEventListener("abort", () => queue.end(), { once: true });
    if (signal?.aborted) queue.end();
    path.send(node.machine, () => {
      const responses = {
        // At most a handful of messages lie in the buffers of a connection.
        write: (message: unknown) => {
          path.send(machine, () => queue.add(message));
          return queue.hasRoom;
        },
        drained: () => queue.drained(),
      };
      const handler = node.service.handlers[method] as StreamHandler;
      handler(complete(method, request), responses, {
        signal: cancelled.signal,
        connection: this.#connection,
      } as CallContext).then(
        () => path.send(machine, () => queue.end()),
        (error) => path.send(machine, () => queue.fail(clientError(error))),
      );
    });
    try {
      yield* queue.messages();
    } finally {
      this.#open.delete(fail);
      // The node hears of it by RST_STREAM, or by the end of the connection.
      path.send(node.machine, () => cancelled.abort());
    }
  }

  async #answer(node: PresenceNode, method: Method, request: unknown): Promise<unknown> {
    const handler = node.service.handlers[method] as (request: unknown, call: Partial<CallContext>) => unknown;
    return await handler(request, { connection: this.#connection });
  }

  #check(): void {
    const { machine, path, place } = this.#options;
    const node = place.node;
    if (this.#node !== undefined && (this.#node.machine.isDead || this.#node !== node)) this.break();
    if (node === undefined || this.#isChecking) return;
    // The answer would come and change nothing: it is not worth the messages.
    const isAsBefore = node === this.#node && this.#state === (node.isServing ? "serving" : "not-serving");
    if (isAsBefore && !path.isCut && node.machine.runs) return;
    this.#isChecking = true;
    const unanswered = machine.after(checkTimeoutMs, () => {
      this.#isChecking = false;
      this.break();
    });
    path.send(node.machine, () => {
      const isServing = node.isServing;
      path.send(machine, () => {
        if (!this.#isChecking) return;
        unanswered();
        this.#isChecking = false;
        if (place.node !== node) return this.break();
        this.#node = node;
        this.#become(isServing ? "serving" : "not-serving");
      });
    });
  }

  #become(state: typeof this.state): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.changed();
  }
}

type StreamHandler = (
  request: unknown,
  responses: { write(message: unknown): boolean; drained(): Promise<void> },
  call: CallContext,
) => Promise<void>;

function methodOf({ path }: RpcMethod): Method {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return (name[0]?.toLowerCase() + name.slice(1)) as Method;
}

/** A request as it is read: what is left out has its default. Answers are complete as they are. */
function complete(method: Method, request: unknown): unknown {
  const { requestType } = presence.PresenceApiDefinition.methods[method];
  return (requestType as { fromPartial(partial: unknown): unknown }).fromPartial(request);
}

function clientError(error: unknown): Error {
  if (!(error instanceof RpcError)) return new PresenceClientError("INTERNAL", String(error), { cause: error });
  const { code, message, retryAfterMs } = error;
  const known = code === "OK" ? "UNKNOWN" : code;
  return new PresenceClientError(known, message, { cause: error, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

function unavailable(message: string): PresenceClientError {
  return new PresenceClientError("UNAVAILABLE", message);
}
