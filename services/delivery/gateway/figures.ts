import type { RefusalReason } from "./refusal.ts";

/** Figures since the start, and of now. */
export interface GatewayFigures {
  readonly sockets: number;
  readonly opened: number;
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** By how: an `End`, or `client_` and the code, `client_other` for unusual ones. */
  readonly closed: Readonly<Record<string, number>>;
  readonly messages: Readonly<Record<string, number>>;
  /** Sockets that are open or being opened, and their timers. */
  readonly bounds: Readonly<Record<"places" | "timers", { readonly used: number; readonly limit: number }>>;
}
