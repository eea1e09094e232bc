import type { presence } from "@realchat/presence-proto";
import type { CallContext, ResponseStream } from "@realchat/presence-rpc";
import type { PresenceService } from "../service/presence-service.ts";
import { forwardNews } from "./forward-news.ts";
import { closedOf } from "./wire.ts";

/** What becomes of sessions under a lease, as it happens. */
export function watchLease(service: PresenceService) {
  return (
    { leaseId }: presence.WatchLeaseRequest,
    responses: ResponseStream<presence.LeaseNotice>,
    call: CallContext,
  ): Promise<void> =>
    forwardNews(
      () => service.watches.lease(leaseId),
      ({ notices, refusal, verify }) => {
        const of = (kind: string) => notices.filter((notice) => notice.kind === kind).map(({ session }) => session);
        const { reason = "", blockedFor } = refusal === undefined ? {} : closedOf(refusal);
        return { superseded: of("superseded"), closed: of("closed"), closeReason: reason, blockedFor, verify };
      },
      responses,
      call,
    );
}
