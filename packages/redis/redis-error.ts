import { ErrorReply } from "@redis/client";

export type RedisErrorCode =
  /** It cannot answer now; nothing is known. */
  | "UNAVAILABLE"
  /** It must not be used, or does not let us in: trying again with the same configuration is in vain. */
  | "REFUSED";

export class RedisError extends Error {
  override readonly name = "RedisError";
  readonly code: RedisErrorCode;

  constructor(code: RedisErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What Redis' error codes mean to whoever operates a service. Source: Redis' src/server.c, createSharedObjects */
const meanings: Readonly<Record<string, string>> = {
  OOM: "is out of memory: raise maxmemory or take load away",
  LOADING: "is loading its data set: wait",
  BUSY: "is busy with a script of somebody else",
  READONLY: "is a read-only replica: point REDIS_URL at the master",
  MASTERDOWN: "is a replica that lost its master: point REDIS_URL at a master",
  MISCONF: "cannot persist to disk and refuses writes: see its log",
  NOAUTH: "wants a password: set it in REDIS_URL",
  WRONGPASS: "does not accept user and password of REDIS_URL",
  NOPERM: "does not permit this user what is needed: allow all commands on keys and channels of this service, and INFO",
  CLUSTERDOWN: "is part of a cluster that is down",
};

/** Codes at the start of a connection for which trying again with the same configuration is in vain. */
const refusals: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM", "ERR"]);

/** Whether it means, at the start of a connection, that Redis will never have us. */
export function isRefusal(error: unknown): boolean {
  return refusals.has(codeBehind(error));
}

/** Says what happened in one line, without credentials: error replies and the errors of sockets hold none. */
export function describe(error: unknown): string {
  const meaning = meanings[codeBehind(error)];
  if (meaning !== undefined) return `Redis ${meaning}`;
  if (error instanceof ErrorReply) return `Redis replied: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}

export function unavailable(message: string, options: ErrorOptions): RedisError {
  return new RedisError("UNAVAILABLE", message, options);
}

/** The error reply that an error is, or was made from, such as `ERR no such key`; empty for any other error. */
export function replyBehind(error: unknown): string {
  const reply = error instanceof ErrorReply ? error : (error as Error | undefined)?.cause;
  return reply instanceof ErrorReply ? reply.message : "";
}

/** First word of the error reply that an error is, or was made from, such as `OOM`; empty for any other error. */
export function codeBehind(error: unknown): string {
  return replyBehind(error).split(" ", 1)[0] as string;
}
