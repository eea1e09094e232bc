import type { Clock } from "@realchat/presence-runtime";
import { MemoryDirectory } from "../audience/memory/memory-directory.ts";
import type { RedisDirectory } from "../audience/redis/redis-directory.ts";
import { MemoryPolicyDirectory } from "./memory/memory-policy-directory.ts";
import type { PolicyDirectory } from "./policy-directory.ts";
import { RedisPolicyDirectory } from "./redis/redis-policy-directory.ts";

/** The policies that a directory stores beside its relations. */
export function policyDirectoryOf(stored: MemoryDirectory | RedisDirectory, clock: Clock): PolicyDirectory {
  return stored instanceof MemoryDirectory
    ? new MemoryPolicyDirectory(stored, clock)
    : new RedisPolicyDirectory(stored.server);
}
