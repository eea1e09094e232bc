import type { SocketFacts } from "../promises/ground-truth.ts";
import type { DotFrame } from "./dot-frames.ts";

/** How a socket ends, as its gateway sees it. */
export type SocketEnd = "logged-out" | "connection-lost" | "server-drain";

/** A client's connection as its gateway has it. */
export interface ClientSocket {
  readonly facts: SocketFacts;
  /** The client says since when nobody uses its device, wall clock, ms; 0: somebody does. */
  use(idleSinceMs: number): void;
  /** The client asks for the end, or its connection is found to be lost. */
  close(end: SocketEnd): void;
}

/** The client's side of it. */
export interface ClientSide {
  receive(frame: DotFrame): void;
  /** Resolves when the client's network has taken what was written. */
  taken(): Promise<void>;
  /** The gateway closed it, or is gone. */
  closed(why: string): void;
}

/** Where clients connect. */
export interface SimulatedGateway {
  readonly name: string;
  readonly hasTokens: boolean;
  /** Whether a client that connects now gets a socket. */
  readonly isOpen: boolean;
  open(userId: string, deviceId: string, client: ClientSide): ClientSocket;
}
