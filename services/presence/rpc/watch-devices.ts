import type { presence } from "@realchat/presence-proto";
import { type CallContext, type ResponseStream, RpcError } from "@realchat/presence-rpc";
import type { PresenceService } from "../presence-service.ts";
import { rpcError } from "./rpc-error.ts";

/** Users in one message; more wait for the next. */
const usersMax = 500;

/** Whose devices changed, as it happens. Each message waits until the reader has taken the one before. */
export function watchDevices(service: PresenceService) {
  return async (
    _request: presence.WatchDevicesRequest,
    responses: ResponseStream<presence.WatchDevicesResponse>,
    call: CallContext,
  ): Promise<void> => {
    const watcher = open(service);
    const close = () => watcher.close();
    call.signal.addEventListener("abort", close, { once: true });
    try {
      for (let userIds = await watcher.next(usersMax); userIds !== undefined; userIds = await watcher.next(usersMax)) {
        if (!responses.write({ userIds })) await responses.drained();
      }
    } finally {
      close();
      call.signal.removeEventListener("abort", close);
    }
    if (!call.signal.aborted) throw new RpcError("UNAVAILABLE", "this node is going away: watch again, from another");
  };
}

function open(service: PresenceService): ReturnType<PresenceService["watchDevices"]> {
  try {
    return service.watchDevices();
  } catch (error) {
    throw rpcError(error);
  }
}
