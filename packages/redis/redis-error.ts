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

/**
 * Error codes by which a server says that it is not the one to use for now, whatever it is asked. The others are about
 * one command (WRONGTYPE, NOSCRIPT, MOVED), about this user (NOPERM), or pass by themselves on the same server (BUSY;
 * OOM, which refuses registrations alone). Source: Redis' src/server.c, createSharedObjects
 */
export const serverRefusals = [
  /** It became a replica. */
  "READONLY",
  /** It is a replica whose master is away. */
  "MASTERDOWN",
  /** It started anew, or loads what its new master sent. */
  "LOADING",
  /** It became a replica while a command blocked. */
  "UNBLOCKED",
  /** Its cluster does not serve. */
  "CLUSTERDOWN",
  /** It may have been cut off from those that elect another master. */
  "NOREPLICAS",
  /** It would lose what it is told. */
  "MISCONF",
] as const;

const refusalsOfServers: ReadonlySet<string> = new Set(serverRefusals);

/** What Redis' error codes mean to whoever operates a service. Source: Redis' src/server.c, createSharedObjects */
const meanings: Readonly<Record<string, string>> = {
  OOM: "is out of memory: raise maxmemory or take load away",
  LOADING: "is loading its data set: wait",
  UNBLOCKED: "became a replica: point REDIS_URL at the master",
  BUSY: "is busy with a script of somebody else",
  READONLY: "is a read-only replica: point REDIS_URL at the master, or wait for Sentinel to promote it",
  MASTERDOWN: "is a replica that lost its master: point REDIS_URL at a master",
  MISCONF: "cannot persist to disk and refuses writes: see its log",
  NOAUTH: "wants a password: set it in REDIS_URL",
  WRONGPASS: "does not accept user and password of REDIS_URL",
  NOPERM: "does not permit this user what is needed: allow all commands on keys and channels of this service, and INFO",
  CLUSTERDOWN: "is part of a cluster that is down",
  NOREPLICAS: "has too few replicas in reach and refuses writes: see its min-replicas-to-write",
  WRONGTYPE: "holds something of another type under a key of this service: somebody else wrote it",
};

/** Error replies without a code of their own that pass. Source: Redis' src/networking.c, acceptCommonHandler */
const passing = /^ERR max number of clients/;

/** Codes at the start of a connection for which trying again with the same configuration is in vain. */
const refusals: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM", "ERR"]);

/** Source: Redis' src/acl.c, getAclErrorMessage, and src/script.c, scriptVerifyACL */
const notPermittedInScript = "ERR The user executing the script can't";

/**
 * What Node calls a certificate that none of the authorities signed which the connection trusts.
 * Source: https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const distrusts: ReadonlySet<string> = new Set([
  "CERT_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Whether it means, at the start of a connection, that Redis will never have us, or we will never trust it. */
export function isRefusal(error: unknown): boolean {
  const code = nodeCode(error);
  if (passing.test(replyBehind(error))) return false;
  return refusals.has(codeBehind(error)) || distrusts.has(code) || code === "ERR_TLS_CERT_ALTNAME_INVALID";
}

/** Whether it is, or was made from, an error reply that says: not this server now. */
export function isServerRefusal(error: unknown): boolean {
  return refusalsOfServers.has(codeBehind(error));
}

/** The error reply in a reply, however deep in arrays, that says: not this server now. */
export function serverRefusalIn(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply instanceof ErrorReply && isServerRefusal(reply) ? reply : undefined;
  for (const part of reply) {
    const refusal = typeof part === "object" ? serverRefusalIn(part) : undefined;
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Says what happened in one line, without credentials: error replies and the errors of sockets hold none. */
export function describe(error: unknown): string {
  const meaning = meanings[codeBehind(error)];
  if (meaning !== undefined) return `Redis ${meaning}`;
  if (error instanceof ErrorReply) return `Redis replied: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  const code = nodeCode(error);
  if (distrusts.has(code)) {
    return "Redis has a certificate that no authority trusted here signed: set REDIS_TLS_CA to the one that did";
  }
  return error.message || code || error.name;
}

/** Of an error of Node's, such as `ECONNREFUSED`; empty for any other. */
function nodeCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

export function unavailable(message: string, options: ErrorOptions): RedisError {
  return new RedisError("UNAVAILABLE", message, options);
}

/** The error reply that an error is, or was made from, such as `ERR no such key`; empty for any other error. */
export function replyBehind(error: unknown): string {
  const reply = error instanceof ErrorReply ? error : (error as Error | undefined)?.cause;
  return reply instanceof ErrorReply ? reply.message : "";
}

/**
 * First word of the error reply that an error is, or was made from, such as `OOM`; empty for any other error. A script
 * whose user may not do something is told so without a code: here it is NOPERM, too.
 */
export function codeBehind(error: unknown): string {
  const reply = replyBehind(error);
  return reply.startsWith(notPermittedInScript) ? "NOPERM" : (reply.split(" ", 1)[0] as string);
}
