import type { presence } from "@realchat/presence-proto";
import { type CallContext, type ResponseStream, RpcError } from "@realchat/presence-rpc";
import { presenceUpdateOf } from "../events/codec.ts";
import type { PresenceService } from "../service/presence-service.ts";
import type { Watching } from "../service/watches.ts";
import { rpcError } from "./rpc-error.ts";
import { userPresenceOf } from "./wire.ts";

type Responses = ResponseStream<presence.WatchPresenceResponse>;

/** Updates in one message; more wait for the next. */
const updatesMax = 500;
const nothing: presence.WatchPresenceResponse = {
  snapshot: [],
  snapshotComplete: false,
  updates: [],
  reset: false,
  recovering: false,
};

/**
 * Snapshot, then changes; after a reset both again. Each message waits until the reader has taken the one before, and
 * says whether a shard of its users recovers; one says nothing else, when that begins.
 */
export function watchPresence(service: PresenceService) {
  return async (request: presence.WatchPresenceRequest, responses: Responses, call: CallContext): Promise<void> => {
    const watching = openWatch(service, request.userIds);
    const close = () => watching.watcher.close();
    call.signal.addEventListener("abort", close, { once: true });
    try {
      const told = request.userIds.length === 0 ? undefined : new Map<string, number>();
      await sendSnapshot(watching, responses, call, told);
      await sendChanges(watching, responses, call, told);
    } catch (error) {
      throw rpcError(error);
    } finally {
      close();
      call.signal.removeEventListener("abort", close);
    }
    if (!call.signal.aborted) throw new RpcError("UNAVAILABLE", "this node is going away: watch again, from another");
  };
}

function openWatch(service: PresenceService, userIds: readonly string[]): Watching {
  try {
    return service.watches.users(userIds);
  } catch (error) {
    throw rpcError(error);
  }
}

async function sendSnapshot(
  watching: Watching,
  responses: Responses,
  call: CallContext,
  told: Map<string, number> | undefined,
): Promise<void> {
  for await (const views of watching.snapshot()) {
    if (call.signal.aborted) return;
    for (const { userId, version } of views) told?.set(userId, version);
    await send(watching, responses, { ...nothing, snapshot: views.map(userPresenceOf) });
  }
  await send(watching, responses, { ...nothing, snapshotComplete: true });
}

async function sendChanges(
  watching: Watching,
  responses: Responses,
  call: CallContext,
  told: Map<string, number> | undefined,
): Promise<void> {
  for (;;) {
    const news = await watching.watcher.next(updatesMax);
    if (news === undefined) return;
    if (news.kind === "recovering") {
      await send(watching, responses, nothing);
      continue;
    }
    if (news.kind === "reset") {
      await send(watching, responses, { ...nothing, reset: true });
      await sendSnapshot(watching, responses, call, told);
      continue;
    }
    // What happened while the snapshot was taken may be in it already.
    const updates = news.updates.filter(({ userId, version }) => version > (told?.get(userId) ?? 0));
    for (const { userId, version } of updates) told?.set(userId, version);
    if (updates.length > 0) await send(watching, responses, { ...nothing, updates: updates.map(presenceUpdateOf) });
  }
}

async function send(watching: Watching, responses: Responses, message: presence.WatchPresenceResponse): Promise<void> {
  if (!responses.write({ ...message, recovering: watching.isRecovering() })) await responses.drained();
}
