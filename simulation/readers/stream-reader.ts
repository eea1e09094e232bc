import { type PresenceAccess, watch } from "@realchat/presence-client";
import type { Reader } from "../promises/reader.ts";
import type { Machine } from "../time/machine.ts";

/** Watches everyone, as the SDK offers it. Never ends. */
export async function readStream(channels: PresenceAccess, machine: Machine, reader: Reader): Promise<void> {
  for await (const news of watch(channels, { users: "everyone", clock: machine })) {
    if (news.kind === "change") reader.answered(news.userId, news.online, news.status);
    else reader.isSynced = news.kind === "synced";
  }
}
