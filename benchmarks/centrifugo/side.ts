import type { FleetClient } from "./fleet-process.ts";

/** One of the two that are measured: a gateway, what stands behind it, and a Redis of its own. */
export interface Side {
  readonly name: string;
  /** Someone in a room of a few, who sees all others of the room. */
  member(index: number, gateway: Gateway, wants: Wish): FleetClient;
  /** One of those who watch the star, and do not see each other. */
  watcher(index: number, gateway: Gateway): FleetClient;
  /** Texts of the messages that show a watcher the star. */
  readonly star: { readonly online: string; readonly offline: string };
  /** Text of a message that shows anybody offline. */
  readonly grey: string;
  /** The star comes online, at the gateway that was started last, and goes; resolves when that was answered. */
  come(): Promise<void>;
  go(): Promise<void>;
  startGateway(): Promise<Gateway>;
  /** Of the processes that run now, since their start. */
  cpu(): Promise<Cpu>;
  /** Resolves when so many who are connected at this gateway have their sessions. */
  untilRegistered(gateway: Gateway, clients: number): Promise<void>;
  /** With which a client says that it will not come back. */
  readonly goodbye: number;
  stop(): Promise<void>;
}

/** With what a member is ready: a place in the room, or also the knowledge who is there. We give both with one message. */
export type Wish = "subscription" | "presence";

export interface Gateway {
  readonly address: string;
  readonly pid: number;
  kill(): Promise<void>;
}

/** CPU time, µs. */
export interface Cpu {
  readonly gateways: number;
  /** Of presence nodes; 0 where there are none. */
  readonly presence: number;
  readonly redis: number;
}

export const roomSize = 10;
export const roomOf = (index: number) => `room-${Math.floor(index / roomSize)}`;
