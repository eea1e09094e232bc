import type { Closing } from "../domain/block.ts";
import type { Limits } from "../domain/limits.ts";
import { PresenceError } from "../domain/presence-error.ts";
import type { SessionRef } from "../domain/session.ts";
import type { LeaseView, SessionListing, SessionStore, SessionView } from "../store/store.ts";
import { quote } from "./errors.ts";
import { cursorIn, type Listing, pageTokenOf } from "./page-token.ts";
import { checkBlock, checkId, checkOptionalId, checkPageSize, checkReason, checkSessionId } from "./request-checks.ts";

type ControlledStore = SessionListing & Pick<SessionStore, "closeSessions">;

/** Sessions or leases of a page: of one that says no size, and at most. */
const defaultPageSize = 100;
const pageMax = 1_000;

interface PageRequest {
  /** 0: the default. */
  readonly pageSize: number;
  readonly pageToken: string;
}

/** What operators do to sessions, and see of them. All methods reject with PresenceError. */
export class SessionControl {
  readonly #store: ControlledStore;
  readonly #limits: Limits;

  constructor(store: ControlledStore, limits: Limits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** @returns the sessions that ended by this call. To close what is not there succeeds. */
  async closeSessions(closing: Closing): Promise<readonly SessionRef[]> {
    const { userId, deviceId, sessionId, reason, blockMs } = closing;
    checkId("user_id", userId, this.#limits);
    checkOptionalId("device_id", deviceId, this.#limits);
    checkSessionId("session_id", sessionId, this.#limits);
    checkReason("reason", reason);
    if (blockMs !== undefined) checkBlock("block_for", blockMs);
    const result = await this.#store.closeSessions(closing);
    if (result.kind === "closed") return result.sessions;
    throw new PresenceError(
      "RESOURCE_EXHAUSTED",
      `as much is blocked in the shard of user ${quote(userId)} as it remembers: wait until some blocks are over`,
    );
  }

  /** Sessions of a user, or of a gateway: one of the two. */
  async listSessions(
    request: PageRequest & { readonly userId: string; readonly instanceId: string },
  ): Promise<{ sessions: readonly SessionView[]; nextPageToken: string }> {
    const { userId, instanceId, pageToken } = request;
    const isOfUser = userId !== "";
    if (isOfUser === (instanceId !== "")) {
      throw new PresenceError("INVALID_ARGUMENT", "user_id and instance_id: send one of the two");
    }
    const listing: Listing = isOfUser ? ["user", userId] : ["instance", instanceId];
    checkId(isOfUser ? "user_id" : "instance_id", listing[1], this.#limits);
    const pageSize = pageSizeOf(request);
    const cursor = cursorIn(pageToken, listing);
    if (!isOfUser) {
      const page = await this.#store.sessionsAt(instanceId, cursor, pageSize);
      return { sessions: page.sessions, nextPageToken: pageTokenOf(listing, page.cursor) };
    }
    const all = await this.#store.sessionsOf(userId);
    const { items: sessions, ...page } = pageAfter(all, ({ deviceId }) => deviceId, cursor, pageSize, listing);
    return { sessions, ...page };
  }

  async listLeases(request: PageRequest): Promise<{ leases: readonly LeaseView[]; nextPageToken: string }> {
    const listing: Listing = ["leases", ""];
    const pageSize = pageSizeOf(request);
    const cursor = cursorIn(request.pageToken, listing);
    // One more tells whether there is a page after this.
    const leases = await this.#store.leasesAfter(cursor, pageSize + 1);
    const { items, ...page } = pageAfter(leases, ({ leaseId }) => leaseId, cursor, pageSize, listing);
    return { leases: items, ...page };
  }
}

function pageSizeOf({ pageSize }: PageRequest): number {
  checkPageSize("page_size", pageSize, pageMax);
  return pageSize || defaultPageSize;
}

/** @param all in the order of their names */
function pageAfter<Item>(
  all: readonly Item[],
  nameOf: (item: Item) => string,
  cursor: string,
  pageSize: number,
  listing: Listing,
): { items: readonly Item[]; nextPageToken: string } {
  const later = all.filter((item) => nameOf(item) > cursor);
  const items = later.slice(0, pageSize);
  const last = items.at(-1);
  const isMore = later.length > items.length && last !== undefined;
  return { items, nextPageToken: pageTokenOf(listing, isMore ? nameOf(last) : "") };
}
