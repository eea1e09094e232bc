import { channel } from "node:diagnostics_channel";
import type { ErrorCode } from "../frame/frame.ts";
import type { RpcLimits } from "../limits.ts";

export type LimitName = keyof RpcLimits;

/** `{ limit, peer }` each time that a limit is hit. */
const limitChannel = channel("realchat.rpc.limit");
/** `{ peer }` */
const openChannel = channel("realchat.rpc.connection.open");
/** `{ peer }` */
const closeChannel = channel("realchat.rpc.connection.close");

/** What all connections of a server count together. */
export class Counters {
  connections = 0;
  connectionsTotal = 0;
  streams = 0;
  streamsTotal = 0;
  bytesRead = 0;
  bytesWritten = 0;
  resetsReceived = 0;
  readonly resetsSent: Partial<Record<ErrorCode, number>> = {};
  readonly limitsHit: Partial<Record<LimitName, number>> = {};

  opened(peer: string): void {
    this.connections += 1;
    this.connectionsTotal += 1;
    if (openChannel.hasSubscribers) openChannel.publish({ peer });
  }

  closed(peer: string): void {
    this.connections -= 1;
    if (closeChannel.hasSubscribers) closeChannel.publish({ peer });
  }

  resetSent(code: ErrorCode): void {
    this.resetsSent[code] = (this.resetsSent[code] ?? 0) + 1;
  }

  limitHit(limit: LimitName, peer: string): void {
    this.limitsHit[limit] = (this.limitsHit[limit] ?? 0) + 1;
    if (limitChannel.hasSubscribers) limitChannel.publish({ limit, peer });
  }
}
