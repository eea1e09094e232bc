import { ErrorReply } from "@redis/client";
import { PresenceError } from "../../domain/presence-error.ts";

/** Advice to callers, ms: reconnecting takes about as long when Redis is there. */
const retryAfterMs = 500;

/** What Redis' error codes mean to whoever operates presence. Source: Redis' src/server.c, createSharedObjects */
const meanings: Readonly<Record<string, string>> = {
  OOM: "is out of memory: raise maxmemory or take load away",
  LOADING: "is loading its data set: wait",
  BUSY: "is busy with a script of somebody else",
  READONLY: "is a read-only replica: point REDIS_URL at the master",
  MASTERDOWN: "is a replica that lost its master: point REDIS_URL at a master",
  MISCONF: "cannot persist to disk and refuses writes: see its log",
  NOAUTH: "wants a password: set it in REDIS_URL",
  WRONGPASS: "does not accept user and password of REDIS_URL",
  NOPERM: "does not permit this user what presence needs: allow keys and channels presence:* and all their commands",
  CLUSTERDOWN: "is part of a cluster that is down",
};

/** Codes at the start of a connection for which trying again with the same configuration is in vain. */
const refusals: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM", "ERR"]);

/** First word of an error reply, such as `OOM`; empty for any other error. */
export function replyCode(error: unknown): string {
  return error instanceof ErrorReply ? (error.message.split(" ", 1)[0] as string) : "";
}

/** Whether it means, at the start of a connection, that Redis will never have us. */
export function isRefusal(error: unknown): boolean {
  return refusals.has(replyCode(error));
}

/** Says what happened in one line, without credentials: error replies and the errors of sockets hold none. */
export function describe(error: unknown): string {
  const meaning = meanings[replyCode(error)];
  if (meaning !== undefined) return `Redis ${meaning}`;
  if (error instanceof ErrorReply) return `Redis replied: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}

/** What a caller is told when Redis cannot answer: never a guess (P5). The cause keeps the original. */
export function unavailable(address: string, error: unknown): PresenceError {
  return new PresenceError("UNAVAILABLE", `the store at ${address} cannot answer: ${describe(error)}`, {
    cause: error,
    retryAfterMs,
  });
}

/** The error reply that an `unavailable` error was made from, if it was. */
export function errorReply(error: unknown): Error | undefined {
  const original = error instanceof PresenceError ? error.cause : error;
  return original instanceof ErrorReply ? original : undefined;
}

/** As `replyCode`, of the reply that an `unavailable` error was made from. */
export function codeBehind(error: unknown): string {
  return replyCode(errorReply(error));
}
