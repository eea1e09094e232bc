import {
  isToldApart,
  type PresenceAccess,
  plainStatus,
  type UserStatus,
  userStatusOf,
} from "@realchat/presence-client";
import { pause } from "@realchat/presence-runtime/clock";
import { type FeedNews, PresenceFeed } from "../../packages/client/kafka/presence-feed.ts";
import type { SimulatedTopic } from "../kafka/simulated-topic.ts";
import type { Path } from "../network/path.ts";
import type { Reader } from "../promises/reader.ts";
import type { Machine } from "../time/machine.ts";

interface UserState {
  online: boolean;
  version: number;
  readonly status: UserStatus;
  readonly shard: number;
  partition: number | undefined;
}

/**
 * Keeps who is online, and nobody else, by the SDK's feed, from the topic's beginning, as its documentation says: which
 * changes are old the feed has to know. Never ends.
 */
export async function readFeed(
  topic: SimulatedTopic,
  machine: Machine,
  path: Path,
  channels: PresenceAccess,
  reader: Reader,
): Promise<void> {
  const users = new Map<string, UserState>();
  const apply = (userId: string, state: UserState) => {
    const before = users.get(userId);
    if (before !== undefined && state.version <= before.version) return;
    users.set(userId, { ...state, partition: state.partition ?? before?.partition });
    if (!state.online) users.delete(userId);
    const { online, version, status } = state;
    const isOther = (before?.online ?? false) !== online || isToldApart(before?.status ?? plainStatus(online), status);
    if (isOther) reader.told(userId, online, version, status);
  };
  const reset = ({ shard, partition, begin, beginEverywhere }: FeedNews & { kind: "reset" }) => {
    for (const [userId, user] of users) {
      if (user.shard !== shard) continue;
      const floor = user.partition === partition ? begin : user.partition === undefined ? beginEverywhere : 0;
      if (user.version < floor) apply(userId, { ...user, online: false, version: floor, status: plainStatus(false) });
    }
  };
  const askAll = async () => {
    for (const user of users.values()) user.partition = undefined;
    for (let isDone = false; !isDone; ) {
      try {
        const { presences, recovering } = await channels.api.getPresence(
          { userIds: [...reader.users] },
          { timeoutMs: 2_500 },
        );
        isDone = !recovering;
        for (const { userId, online, version, shard, status: told } of presences) {
          const status = userStatusOf(told, online);
          if (!recovering || online) apply(userId, { online, version, shard, status, partition: undefined });
        }
      } catch {}
      await pause(machine, 1_000);
    }
  };
  const settings = { from: "beginning", clock: machine, usersMax: 10_000 } as const;
  for await (const news of new PresenceFeed(settings, topic.source(machine, path))) {
    if (news.kind === "listening") reader.isSynced = true;
    else if (news.kind === "gap") void askAll();
    else if (news.kind === "reset") reset(news);
    else apply(news.userId, news);
  }
}
