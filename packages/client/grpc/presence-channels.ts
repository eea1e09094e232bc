import { isIP } from "node:net";
import {
  type CallOptions,
  type Carrier,
  channelCredentials,
  type PemTexts,
  type RpcClient,
  type RpcMethod,
  rpcClient,
  type ServiceDefinition,
} from "@realchat/presence-grpc";
import { PresenceApiDefinition } from "@realchat/presence-proto/presence";
import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { type OnListenerError, tell, throwUncaught } from "../tell.ts";
import { Channel, type ChannelState } from "./channel.ts";
import { addressPattern, type Lookup, NodeAddress, systemLookup } from "./node-address.ts";

/** The contract's service, one function per method. */
export type PresenceApi = RpcClient<typeof PresenceApiDefinition>;

/** What the rest of this package needs of channels. */
export interface PresenceAccess {
  readonly api: PresenceApi;
  /** Calls `listener` whenever a node serves again after none did. What it throws must keep nothing from others. */
  onServing(listener: () => void): Cancel;
}

export interface PresenceChannelsOptions {
  /**
   * `host:port` of the nodes, or `dns:///host:port`, which is the same. One connection to each IP address that a name
   * has; names are looked up again every 5 s.
   */
  readonly addresses: readonly string[];
  /** Absent: no TLS. */
  readonly tls?: TlsOptions;
  /**
   * Shows presence who calls; a function is asked at each call, so that a token can be replaced. Goes over the network as it
   * is: use TLS.
   */
  readonly token?: string | (() => string | undefined);
  /** Asked before every connection, where certificates are replaced: what to use instead of those in `tls` from now on. */
  readonly currentTls?: () => Omit<TlsOptions, "serverName">;
  /** Default: as the system does, with its files and DNS. */
  readonly lookup?: Lookup;
  /** Milliseconds between two look-ups of a name; default 5,000. */
  readonly lookupEveryMs?: number;
  /** Milliseconds between two health checks of a node; default 1,000. */
  readonly checkEveryMs?: number;
  /** Milliseconds after which an unanswered health check makes a node unreachable; default 2,000. */
  readonly checkTimeoutMs?: number;
  /**
   * Hears of what your listeners throw or reject with. Default: the process takes it for an exception that nobody
   * caught. Either way the others are told.
   */
  readonly onListenerError?: OnListenerError;
  readonly clock?: Clock;
}

/** PEM texts; `{}`: TLS with what Node trusts. */
export interface TlsOptions extends PemTexts {
  /** The name that the nodes' certificates carry, when it is not the host of their addresses. */
  readonly serverName?: string;
}

export interface ChannelHealth {
  /** As configured; of a name with the IP address, such as `presence:50056 (10.0.0.7)`. */
  readonly address: string;
  readonly state: ChannelState;
  /** For people. */
  readonly detail: string;
}

/** Counters since the start, and gauges. */
export interface ChannelMetrics {
  readonly channels: Readonly<Record<ChannelState, number>>;
  readonly calls: number;
  readonly failures: number;
  /** Calls that went to another node after the first one's connection broke. */
  readonly failovers: number;
}

/**
 * Connections to the nodes of presence. Each call goes to the next one that serves; one whose connection breaks under
 * way goes to another, since whatever presence offers may be repeated. When no node serves, calls fail at once with
 * UNAVAILABLE: keeping on trying is what SessionKeeper and watch do.
 */
export class PresenceChannels implements PresenceAccess, AsyncDisposable {
  readonly api: PresenceApi;
  readonly #nodes: readonly NodeAddress[];
  #channels: readonly Channel[] = [];
  readonly #servingListeners = new Set<() => void>();
  readonly #onListenerError: OnListenerError;
  readonly #firstVerdict: Promise<void>;
  #tellFirstVerdict = () => {};
  #hasVerdict = false;
  #wasServing = false;
  #turn: number;
  #isClosed = false;
  #calls = 0;
  #failures = 0;
  #failovers = 0;

  /** @throws PresenceClientError INVALID_ARGUMENT naming the option */
  constructor(options: PresenceChannelsOptions) {
    const { addresses, tls, token, checkEveryMs = 1_000, checkTimeoutMs = 2_000, clock = systemClock } = options;
    this.#onListenerError = options.onListenerError ?? throwUncaught;
    this.#firstVerdict = new Promise((resolve) => {
      this.#tellFirstVerdict = resolve;
    });
    refuseAddresses(addresses);
    refuseHalfCertificate(tls);
    const changed = () => queueMicrotask(() => this.#channelsChanged());
    const shown = typeof token === "function" ? token : () => token;
    const shared = {
      ...{ credentials: channelCredentials(tls, options.currentTls), token: shown },
      ...{ checkEveryMs, checkTimeoutMs, clock, changed },
    };
    const open = ({ address, host, shown }: { address: string; host: string; shown: string }) => {
      const serverName = tls?.serverName ?? (isIP(host) === 0 ? host : undefined);
      const authority =
        tls?.serverName ?? (isIP(host) === 0 ? `${host}:${address.slice(address.lastIndexOf(":") + 1)}` : address);
      return new Channel({ ...shared, address, shown, serverName, authority });
    };
    // Many gateways that start together should not all begin with the first node.
    this.#turn = Math.floor(clock.random() * 2 ** 16);
    const { lookup = systemLookup, lookupEveryMs = 5_000 } = options;
    this.#nodes = addresses.map((address) => new NodeAddress({ address, lookup, lookupEveryMs, clock, open, changed }));
    this.#channels = this.#nodes.flatMap(({ channels }) => channels);
    this.api = this.client(PresenceApiDefinition);
  }

  /** A client of any service at these addresses, by what ts-proto generated for it. */
  client<Definition extends ServiceDefinition>(definition: Definition): RpcClient<Definition> {
    const carrier: Carrier = {
      unary: (method, request, options) => this.#unary(method, request, options),
      serverStream: (method, request, options) => this.#serverStream(method, request, options),
    };
    return rpcClient(definition, carrier);
  }

  health(): { readonly ready: boolean; readonly channels: readonly ChannelHealth[] } {
    const channels = this.#nodes.flatMap((node): ChannelHealth[] => {
      if (node.channels.length > 0)
        return node.channels.map(({ address, state, detail }) => ({ address, state, detail }));
      const state = node.failure === undefined ? "connecting" : "unreachable";
      return [{ address: node.address, state, detail: node.failure ?? "looking up its addresses" }];
    });
    return { ready: channels.some(({ state }) => state === "serving"), channels };
  }

  metrics(): ChannelMetrics {
    const channels = { connecting: 0, serving: 0, "not-serving": 0, unreachable: 0 };
    for (const { state } of this.health().channels) channels[state]++;
    return { channels, calls: this.#calls, failures: this.#failures, failovers: this.#failovers };
  }

  onServing(listener: () => void): Cancel {
    this.#servingListeners.add(listener);
    return () => this.#servingListeners.delete(listener);
  }

  /** Calls under way fail with CANCELLED or UNAVAILABLE. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#servingListeners.clear();
    for (const node of this.#nodes) node.close();
    this.#tellFirstVerdict();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #unary(method: RpcMethod, request: unknown, options: CallOptions): Promise<unknown> {
    this.#calls++;
    try {
      if (!this.#hasVerdict) await this.#firstVerdict;
      const first = this.#pick();
      try {
        return await first.unary(method, request, options);
      } catch (error) {
        return await this.#elsewhere([first], error, (channel) => channel.unary(method, request, options));
      }
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }

  /** Tries the nodes that are left, as long as it is the connection that fails. */
  async #elsewhere(tried: Channel[], error: unknown, call: (channel: Channel) => Promise<unknown>): Promise<unknown> {
    const last = tried.at(-1);
    const isBroken = presenceClientErrorOf(error).code === "UNAVAILABLE" && last?.isConnected === false;
    const next = this.#channels.find((channel) => channel.state === "serving" && !tried.includes(channel));
    if (!isBroken || next === undefined) throw error;
    this.#failovers++;
    try {
      return await call(next);
    } catch (again) {
      return await this.#elsewhere([...tried, next], again, call);
    }
  }

  async *#serverStream(method: RpcMethod, request: unknown, options: CallOptions): AsyncGenerator<unknown> {
    this.#calls++;
    try {
      if (!this.#hasVerdict) await this.#firstVerdict;
      yield* this.#pick().serverStream(method, request, options);
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }

  #pick(): Channel {
    if (this.#isClosed) throw new PresenceClientError("CANCELLED", "these channels are closed");
    // A node that says it cannot serve knows best what to answer, if there is no better one.
    for (const wanted of ["serving", "not-serving"]) {
      for (let step = 0; step < this.#channels.length; step++) {
        const channel = this.#channels[this.#turn++ % this.#channels.length];
        if (channel?.state === wanted) return channel;
      }
    }
    const why = this.health()
      .channels.map(({ address, detail }) => `${address}: ${detail}`)
      .join("; ");
    throw new PresenceClientError("UNAVAILABLE", `no presence node answers (${why})`);
  }

  #channelsChanged(): void {
    if (this.#isClosed) return;
    for (const node of this.#nodes) node.settle();
    this.#channels = this.#nodes.flatMap(({ channels }) => channels);
    const serves = this.#channels.some(({ state }) => state === "serving");
    if (serves || this.health().channels.every(({ state }) => state !== "connecting")) {
      this.#hasVerdict = true;
      this.#tellFirstVerdict();
    }
    const isNews = serves && !this.#wasServing;
    this.#wasServing = serves;
    if (!isNews) return;
    for (const listener of [...this.#servingListeners]) {
      if (this.#servingListeners.has(listener)) tell(listener, this.#onListenerError);
    }
  }
}

function refuseAddresses(addresses: readonly string[]): void {
  if (addresses.length === 0) throw invalid("addresses is empty: name at least one node as host:port");
  for (const address of addresses) {
    const port = Number(addressPattern.exec(address)?.[2]);
    if (!(port >= 1 && port <= 65_535)) {
      throw invalid(`addresses has ${JSON.stringify(address)}: write host:port, such as presence:50056 or [::1]:50056`);
    }
  }
  if (new Set(addresses).size < addresses.length) throw invalid("addresses names a node twice: name each once");
}

function refuseHalfCertificate(tls: TlsOptions | undefined): void {
  if ((tls?.certificate === undefined) === (tls?.key === undefined)) return;
  throw invalid("tls has only one of certificate and key: for mutual TLS give both");
}

function invalid(message: string): PresenceClientError {
  return new PresenceClientError("INVALID_ARGUMENT", message);
}
