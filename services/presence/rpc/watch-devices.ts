import type { presence } from "@realchat/presence-proto";
import type { CallContext, ResponseStream } from "@realchat/presence-rpc";
import type { PresenceService } from "../service/presence-service.ts";
import { forwardNews } from "./forward-news.ts";

/** Whose devices changed, as it happens. */
export function watchDevices(service: PresenceService) {
  return (
    _request: presence.WatchDevicesRequest,
    responses: ResponseStream<presence.WatchDevicesResponse>,
    call: CallContext,
  ): Promise<void> =>
    forwardNews(
      () => service.watches.devices(),
      (userIds) => ({ userIds }),
      responses,
      call,
    );
}
