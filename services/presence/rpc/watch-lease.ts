import type { presence } from "@realchat/presence-proto";
import type { CallContext, ResponseStream } from "@realchat/presence-rpc";
import type { PresenceService } from "../presence-service.ts";
import { forwardNews } from "./forward-news.ts";

/** What becomes of sessions under a lease, as it happens. */
export function watchLease(service: PresenceService) {
  return (
    { leaseId }: presence.WatchLeaseRequest,
    responses: ResponseStream<presence.LeaseNotice>,
    call: CallContext,
  ): Promise<void> =>
    forwardNews(
      () => service.watchLease(leaseId),
      ({ notices, verify }) => {
        const superseded = notices.map(({ session }) => session);
        return { superseded, closed: [], closeReason: "", verify };
      },
      responses,
      call,
    );
}
