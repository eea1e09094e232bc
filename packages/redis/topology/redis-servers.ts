import type { ConnectionOptions, RedisClient } from "../connection.ts";
import type { LossReason } from "../loss-reason.ts";
import type { Reply } from "../replies.ts";

/** What commands about one part of the data go through: a connection to the server that has it now. */
export interface RedisLink {
  readonly isReady: boolean;
  /** What an operator should know. */
  readonly detail: string;
  /** Sends now or fails now; see RedisConnection. */
  send(command: readonly (string | Buffer)[]): Promise<Reply>;
  /** Why nothing can be sent now. */
  unavailable(): Error;
  /** What a caller is told when Redis cannot answer. */
  failure(cause: unknown): Error;
  /** Gives the connection up, because of the error, and makes a new one. */
  drop(error: unknown): void;
}

/** A server, and what it has. */
export interface RedisServer {
  /** Where it is: the same for as long as it is the same server. */
  readonly name: string;
  readonly link: RedisLink;
  /** Numbers of the parts that it answers for now. */
  readonly parts: ReadonlySet<number>;
}

/**
 * The servers that have the data. Data come in parts, each with all its keys in one slot: the shards of presence, or
 * the one directory of Delivery. A part goes to another server only on a Cluster.
 */
export interface RedisServers {
  /** One for each part, by its number; the same ones for ever. */
  readonly links: readonly RedisLink[];
  /** Those that answer for some part now, in order of their names. */
  readonly servers: readonly RedisServer[];
  /** Commands whose reply is awaited. */
  readonly pending: number;
  /** Connections that were ready and then were lost. */
  readonly losses: Readonly<Record<LossReason, number>>;
  /** What an operator should know, in one line. */
  readonly detail: string;
  /** See RedisLocator. */
  readonly downAfterMs: number | undefined;
  /**
   * Makes the first attempt; when Redis cannot be reached it resolves, too, and goes on trying for ever.
   * @throws RedisError REFUSED when this Redis must not be used, or does not let us in
   */
  start(): Promise<void>;
  close(): void;
  /** Further connections to the same servers, which go where the parts go; they are for start and close of their own. */
  beside(use: ServersUse): RedisServers;
}

/** What connections are for. */
export interface ServersUse {
  /**
   * Runs first on every new connection, and again, for these alone, when parts come to a server that was connected
   * already: before anything else is sent about them. Of few round trips, so that it also ends over a link that flaps.
   * @returns what to call the server
   * @throws RedisError REFUSED when this server must not be used
   */
  readonly prepare: (client: RedisClient, parts: readonly number[]) => Promise<string>;
  /** These parts can be asked about from now on. */
  readonly onReady?: (parts: readonly number[]) => void;
  /** The connection that served these parts does so no more. */
  readonly onLost?: (parts: readonly number[]) => void;
}

export interface ServersOptions
  extends ServersUse,
    Omit<ConnectionOptions, "locator" | "prepare" | "onReady" | "onLost"> {
  /** A key of each part, which says its slot. */
  readonly parts: readonly string[];
}

/** Whoever uses further connections hears of those alone. */
export const noListeners = { onReady: undefined, onLost: undefined } as const;
