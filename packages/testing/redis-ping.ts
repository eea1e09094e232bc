import { type RedisDoor, redisCommand } from "./redis-command.ts";

/** True when PING is answered `+PONG`; false on anything else, such as `-LOADING`, and when nothing listens. */
export async function redisAnswers(door: RedisDoor): Promise<boolean> {
  try {
    return (await redisCommand({ ...door, timeoutMs: 1_000 }, "PING")) === "PONG";
  } catch {
    return false;
  }
}
