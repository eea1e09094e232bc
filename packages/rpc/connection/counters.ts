import { channel } from "node:diagnostics_channel";
import { type ErrorCode, errorCodes } from "../frame/frame.ts";
import { defaultLimits, type RpcLimits } from "../limits.ts";

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
  readonly resetsSent = zeros(Object.keys(errorCodes) as ErrorCode[]);
  readonly limitsHit = zeros(Object.keys(defaultLimits) as LimitName[]);

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
    this.resetsSent[code] += 1;
  }

  limitHit(limit: LimitName, peer: string): void {
    this.limitsHit[limit] += 1;
    if (limitChannel.hasSubscribers) limitChannel.publish({ limit, peer });
  }
}

/** Every name from the start: a series that appears with its first count has no rate before the second. */
function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
