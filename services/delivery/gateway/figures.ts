import type { RefusalReason } from "./refusal.ts";

/** Figures since the start, and of now. */
export interface GatewayFigures {
  readonly sockets: number;
  readonly opened: number;
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** By what it was: a `Close`, `lost`, or `client_` and the code, `client_other` for unusual ones. */
  readonly closed: Readonly<Record<string, number>>;
  readonly messages: Readonly<Record<string, number>>;
  readonly timers: number;
}
