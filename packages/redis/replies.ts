import { ErrorReply } from "@redis/client";

/** What RESP2 carries: https://redis.io/docs/latest/develop/reference/protocol-spec/. Errors are parts of arrays only. */
export type Reply = string | number | null | ErrorReply | readonly Reply[];

/** Reads an integer reply. */
export function integer(reply: Reply | undefined): number {
  const value = Number(reply);
  if (!Number.isSafeInteger(value)) throw unexpected("an integer", reply);
  return value;
}

/**
 * Reads a string reply.
 * @throws ErrorReply that stands in its place, as it may in an array
 */
export function text(reply: Reply | undefined): string {
  if (reply instanceof ErrorReply) throw reply;
  if (typeof reply !== "string") throw unexpected("a string", reply);
  return reply;
}

/** Reads an array reply. */
export function list(reply: Reply | undefined): readonly Reply[] {
  if (!Array.isArray(reply)) throw unexpected("an array", reply);
  return reply;
}

/** A bug: the script or command is ours. */
function unexpected(what: string, reply: Reply | undefined): TypeError {
  return new TypeError(`expected ${what}, Redis replied ${JSON.stringify(reply)}`);
}
