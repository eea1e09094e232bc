import {
  channelCredentials,
  GrpcChannel,
  GrpcError,
  type PemTexts,
  type RpcClient,
  rpcClient,
} from "@realchat/presence-grpc";
import { conversation } from "@realchat/presence-proto";
import type { Clock } from "@realchat/presence-runtime";
import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";
import { type AudienceChange, type AudienceDirectory, beforeAllRecords } from "../../directory.ts";
import { isId } from "../../entity-id.ts";
import type { AudienceListener } from "../../listener.ts";

export interface ConversationListingOptions {
  /** `host:port` of the ConversationApi. */
  readonly address: string;
  /** Absent: no TLS. */
  readonly tls?: PemTexts;
  readonly directory: AudienceDirectory;
  readonly listener: AudienceListener;
  readonly clock: Clock;
  /** Deadline of a call, ms; default 2,000. */
  readonly timeoutMs?: number;
  /** Calls in flight at most; default 32. */
  readonly maxCalls?: number;
  /** Users that wait for a call at most; more are skipped; default 10,000. */
  readonly maxWaiting?: number;
  /** For how long an answer is cached, ms; default 30,000. */
  readonly cacheMs?: number;
  /** Answers cached at most; default 10,000. */
  readonly maxCached?: number;
}

/**
 * - `applied`: the directory has the user's conversations, by this call or one shortly before
 * - `failed`: the service or the directory did not answer
 * - `skipped`: too many wait already
 */
type ListingOutcome = "applied" | "failed" | "skipped";

/**
 * A listing counts as older than its call by this time: the clocks of services differ, and a member that was removed
 * during the call must not come back.
 */
const clockSkewUs = 60_000_000;

/**
 * Lists a user's conversations at the conversation service, for records that the topics no longer retain. It only adds
 * memberships: an answer may be incomplete.
 */
export class ConversationListing {
  readonly #options: Required<Omit<ConversationListingOptions, "tls">>;
  readonly #channel: GrpcChannel;
  readonly #api: RpcClient<typeof conversation.ConversationApiDefinition>;
  /** Cached outcomes by user. Calls in flight are in it too, so that a user has one call at a time. */
  readonly #recent = new Map<string, { readonly atMs: number; readonly outcome: Promise<ListingOutcome> }>();
  /** Users with a recent outcome. */
  readonly #remembered = new ArrivalSet<string>();
  readonly #waiting = new ArrivalSet<() => void>();
  readonly #outcomes = { applied: 0, failed: 0, skipped: 0, cached: 0 };
  #calls = 0;
  #detail = "not asked yet";

  constructor({ tls, ...options }: ConversationListingOptions) {
    this.#options = {
      timeoutMs: 2_000,
      maxCalls: 32,
      maxWaiting: 10_000,
      cacheMs: 30_000,
      maxCached: 10_000,
      ...options,
    };
    const { address, clock } = options;
    this.#channel = new GrpcChannel({ address, credentials: channelCredentials(tls), clock });
    this.#api = rpcClient(conversation.ConversationApiDefinition, this.#channel);
  }

  /** Resolves when the user's conversations are applied, or the listing failed; never rejects. */
  async refresh(userId: string): Promise<ListingOutcome> {
    const { clock, cacheMs } = this.#options;
    const recent = this.#recent.get(userId);
    if (recent !== undefined && clock.monotonicMs() - recent.atMs < cacheMs) {
      this.#outcomes.cached += 1;
      return recent.outcome;
    }
    if (this.#waiting.size >= this.#options.maxWaiting) {
      this.#outcomes.skipped += 1;
      return "skipped";
    }
    const outcome = this.#list(userId);
    this.#remember(userId, outcome);
    const result = await outcome;
    this.#outcomes[result] += 1;
    // The next socket of the user retries it.
    if (result === "failed" && this.#recent.get(userId)?.outcome === outcome) this.#forget(userId);
    return result;
  }

  close(): void {
    this.#channel.close();
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    return { ready: this.#detail === "answers", detail: `${this.#options.address} ${this.#detail}` };
  }

  metrics() {
    const { maxCalls, maxWaiting, maxCached } = this.#options;
    return {
      outcomes: { ...this.#outcomes },
      bounds: {
        calls: { used: this.#calls, limit: maxCalls },
        waiting: { used: this.#waiting.size, limit: maxWaiting },
        cached: { used: this.#recent.size, limit: maxCached },
      },
    };
  }

  async #list(userId: string): Promise<ListingOutcome> {
    await this.#acquireSlot();
    try {
      const askedAtUs = this.#options.clock.nowUs();
      const metadata = { "x-user-id": asHeader(userId) };
      const { conversations } = await this.#api.listConversations(
        { userId },
        { metadata, timeoutMs: this.#options.timeoutMs },
      );
      await this.#apply(userId, conversations, Math.max(beforeAllRecords, askedAtUs - clockSkewUs));
      this.#detail = "answers";
      return "applied";
    } catch (error) {
      this.#detail = `fails: ${error instanceof GrpcError ? `${error.code} ` : ""}${(error as Error).message}`;
      return "failed";
    } finally {
      this.#calls -= 1;
      this.#wakeNext();
    }
  }

  async #acquireSlot(): Promise<void> {
    while (this.#calls >= this.#options.maxCalls) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    this.#calls += 1;
  }

  async #apply(userId: string, conversations: readonly conversation.Conversation[], at: number): Promise<void> {
    const changes = conversations
      .filter(({ conversationId }) => isId(conversationId))
      .map(
        ({ conversationId, participantUserIds }): AudienceChange => ({
          kind: "conversation",
          at,
          conversationId,
          // The user is a participant, whether or not the answer says it.
          participants: [...new Set([userId, ...participantUserIds.filter(isId)])],
        }),
      );
    if (changes.length === 0) return;
    const affected = await this.#options.directory.apply({ changes });
    this.#options.listener.affected(affected);
  }

  #remember(userId: string, outcome: Promise<ListingOutcome>): void {
    const { clock, maxCached } = this.#options;
    this.#forget(userId);
    this.#recent.set(userId, { atMs: clock.monotonicMs(), outcome });
    this.#remembered.add(userId);
    const oldest = this.#remembered.first;
    if (this.#recent.size > maxCached && oldest !== undefined) this.#forget(oldest);
  }

  #forget(userId: string): void {
    this.#recent.delete(userId);
    this.#remembered.delete(userId);
  }

  #wakeNext(): void {
    const next = this.#waiting.first;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }
}

/** Metadata is printable ASCII; other text is percent-encoded. https://grpc.io/docs/guides/metadata/ */
function asHeader(userId: string): string {
  return /^[ -~]*$/.test(userId) ? userId : encodeURIComponent(userId);
}
