import { EventEnvelope, EventType } from "@realchat/presence-proto/events";
import {
  type GetPresenceResponse,
  PresenceResetEvent,
  PresenceStatus,
  PresenceUpdateEvent,
} from "@realchat/presence-proto/presence";

/** A user came or went, as a reader of the contract sees it. */
export interface ReaderChange {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
}

interface UserState {
  online: boolean;
  version: number;
  readonly shard: number;
  /** Of the event that was read of the user; undefined: known from answers alone. */
  partition: number | undefined;
}

/**
 * A consumer that follows docs/contract.md, "How to apply versions and resets", by the letter, line by line in the order
 * of its pseudo code. It serves tests: it keeps every user for ever, and shares no code with what it judges.
 */
export class ContractReader {
  readonly #state = new Map<string, UserState>();
  /** By shard, then by partition. */
  readonly #floors = new Map<number, number[]>();
  readonly #onChange: (change: ReaderChange) => void;
  #partitions: number;

  /**
   * @param options.partitions of the topic
   * @param options.onChange called when a user came or went, or is known for the first time
   */
  constructor({ partitions, onChange = () => {} }: { partitions: number; onChange?: (change: ReaderChange) => void }) {
    this.#partitions = partitions;
    this.#onChange = onChange;
  }

  /** @returns undefined: nothing is known of the user */
  isOnline(userId: string): boolean | undefined {
    return this.#state.get(userId)?.online;
  }

  /** @returns 0: nothing is known of the user */
  versionOf(userId: string): number {
    return this.#state.get(userId)?.version ?? 0;
  }

  /** In the order of their ids. */
  get onlineUsers(): readonly string[] {
    return [...this.#state].flatMap(([userId, { online }]) => (online ? [userId] : [])).sort();
  }

  /** A record of the topic; one of another kind is passed over. */
  record(partition: number, value: Uint8Array): void {
    const { eventType, payload } = EventEnvelope.decode(value);
    switch (eventType) {
      case EventType.EVENT_TYPE_USER_ONLINE:
      case EventType.EVENT_TYPE_USER_OFFLINE:
        this.event(partition, PresenceUpdateEvent.decode(payload));
        break;
      case EventType.EVENT_TYPE_PRESENCE_RESET:
        this.reset(partition, PresenceResetEvent.decode(payload));
        break;
    }
  }

  /** USER_ONLINE or USER_OFFLINE. */
  event(
    partition: number,
    { userId, status, version, shard }: Pick<PresenceUpdateEvent, "userId" | "status" | "version" | "shard">,
  ): void {
    if (version < this.#floor(shard, partition)) return;
    this.#apply(userId, status === PresenceStatus.PRESENCE_STATUS_ONLINE, version, shard);
    (this.#state.get(userId) as UserState).partition = partition;
  }

  /** PRESENCE_RESET. */
  reset(partition: number, { shard, begin }: PresenceResetEvent): void {
    if (begin <= this.#floor(shard, partition)) return;
    const floors = this.#floors.get(shard) ?? [];
    floors[partition] = begin;
    this.#floors.set(shard, floors);
    for (const [userId, user] of this.#state) {
      if (user.shard === shard) this.#apply(userId, false, this.#floorOf(user.partition, shard), shard);
    }
  }

  /** The topic has more partitions than before. */
  repartitioned(partitions: number): void {
    this.#partitions = partitions;
    for (const user of this.#state.values()) user.partition = undefined;
  }

  /** @returns users of whom the answer says nothing: ask again in a while */
  answer({ presences, recovering }: GetPresenceResponse): string[] {
    const askAgain: string[] = [];
    for (const { userId, online, version, shard, unknown } of presences) {
      const floor = this.#floorOf(this.#state.get(userId)?.partition, shard);
      const isBelow = version < floor;
      if (unknown || (recovering && (isBelow || !online))) askAgain.push(userId);
      else if (isBelow) this.#apply(userId, false, floor, shard);
      else this.#apply(userId, online, version, shard);
    }
    return askAgain;
  }

  #apply(userId: string, online: boolean, version: number, shard: number): void {
    const before = this.#state.get(userId);
    if (before !== undefined && version <= before.version) return;
    this.#state.set(userId, { online, version, shard, partition: before?.partition });
    if (before?.online !== online) this.#onChange({ userId, online, version });
  }

  #floor(shard: number, partition: number): number {
    return this.#floors.get(shard)?.[partition] ?? 0;
  }

  /** Below it nothing of such a user holds any more. */
  #floorOf(partition: number | undefined, shard: number): number {
    if (partition !== undefined) return this.#floor(shard, partition);
    return Math.min(...Array.from({ length: this.#partitions }, (_, each) => this.#floor(shard, each)));
  }
}
