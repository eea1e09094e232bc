import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import type { Channel } from "./channel.ts";

/** @returns the IP addresses of a name, best first */
export type Lookup = (host: string) => Promise<readonly string[]>;

export const systemLookup: Lookup = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

interface NodeAddressOptions {
  /** As configured: `host:port`, or `dns:///host:port`. */
  readonly address: string;
  readonly lookup: Lookup;
  /** Milliseconds between two look-ups. */
  readonly lookupEveryMs: number;
  readonly clock: Clock;
  /** Opens a connection to one IP address. @param host the name that it was found by */
  readonly open: (target: { readonly address: string; readonly host: string; readonly shown: string }) => Channel;
  /** The channels are others. */
  readonly changed: () => void;
}

/** The pattern of what may be configured; captures host and port. A host that is an IPv6 address stands in brackets. */
export const addressPattern = /^(?:dns:(?:\/\/\/)?)?([^\s:@/[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/;

/**
 * A configured address: one channel for an IP address, or one for each that its name has, looked up again and again. Of
 * a name that has addresses of both families, which may be the same nodes twice, those of one that answers are kept.
 */
export class NodeAddress {
  readonly address: string;
  readonly #options: NodeAddressOptions;
  readonly #host: string;
  readonly #port: string;
  readonly #channels = new Map<string, Channel>();
  #found: readonly string[] = [];
  #failure: string | undefined;
  #cancelLookup: Cancel = () => {};
  #isClosed = false;

  constructor(options: NodeAddressOptions) {
    const [, host = "", port = ""] = addressPattern.exec(options.address) ?? [];
    this.address = options.address;
    this.#options = options;
    this.#host = host.replace(/^\[|\]$/g, "");
    this.#port = port;
    if (isIP(this.#host) === 0) this.#lookUp();
    else this.#open(this.#host, `${host}:${port}`);
  }

  get channels(): readonly Channel[] {
    return [...this.#channels.values()];
  }

  /** Why there are no channels; undefined while that is not known yet. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Keeps the channels that are wanted, now that one has another state. */
  settle(): void {
    if (this.#isClosed || this.#found.length === 0) return;
    const connected = [...this.#channels].find(([, { isConnected }]) => isConnected)?.[0];
    const sameFamily = this.#found.filter((ip) => connected !== undefined && isIP(ip) === isIP(connected));
    const wanted = new Set(sameFamily.length > 0 ? sameFamily : this.#found);
    for (const [ip, channel] of this.#channels) {
      if (wanted.has(ip)) continue;
      channel.retire();
      this.#channels.delete(ip);
    }
    for (const ip of wanted) if (!this.#channels.has(ip)) this.#open(ip, `${this.#host}:${this.#port} (${ip})`);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLookup();
    for (const channel of this.#channels.values()) channel.close();
  }

  async #lookUp(): Promise<void> {
    const { clock, lookup, lookupEveryMs, changed } = this.#options;
    try {
      const found = await lookup(this.#host);
      // All nodes do not vanish in one moment: the addresses of before are a better guess.
      if (found.length > 0) this.#found = found;
      this.#failure = found.length > 0 ? undefined : `${this.#host} has no addresses`;
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
    }
    if (this.#isClosed) return;
    this.settle();
    changed();
    this.#cancelLookup = clock.after(lookupEveryMs, () => this.#lookUp());
  }

  #open(ip: string, shown: string): void {
    const address = isIP(ip) === 6 ? `[${ip}]:${this.#port}` : `${ip}:${this.#port}`;
    this.#channels.set(ip, this.#options.open({ address, host: this.#host, shown }));
  }
}
