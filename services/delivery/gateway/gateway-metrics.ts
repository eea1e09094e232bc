import type { RefusalReason } from "./refusal.ts";

/** Counters since the start, and gauges. */
export interface GatewayMetrics {
  readonly sockets: number;
  readonly opened: number;
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** By how it ended: an `End`, or `client_` and the close code, `client_other` for unusual codes. */
  readonly closed: Readonly<Record<string, number>>;
  readonly messages: Readonly<Record<string, number>>;
  /** Sockets that are open or being opened, handshakes among them that wait for their turn, and timers. */
  readonly bounds: Readonly<
    Record<"places" | "handshakes" | "timers", { readonly used: number; readonly limit: number }>
  >;
}
