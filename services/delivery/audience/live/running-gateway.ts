import { type Address, type Clock, showAddress } from "@realchat/presence-runtime";
import { AudienceError, type AudienceErrorCode } from "../audience-error.ts";
import type { AffectedPairs, AudienceChange, ChangeBatch } from "../directory.ts";
import { importLineOf } from "../sources/import-lines.ts";
import { importPath, requestContentType, requestMaxBytes } from "./import-endpoint.ts";

/** Participants in one line at most; a larger conversation is sent in parts. */
const lineMaxParticipants = 1_000;
const answerTimeoutMs = 15_000;

/** The directory of a running gateway, which takes imports over its operations server. */
export class RunningGateway {
  readonly #url: string;
  readonly #clock: Clock;
  /** The kind of its directory; known after the first import. */
  kind: "memory" | "redis" | undefined;

  /** @param address its HTTP_ADDR; an empty host, which is all interfaces, means this machine */
  constructor({ host, port }: Address, clock: Clock) {
    this.#url = `http://${showAddress({ host: host || "127.0.0.1", port })}${importPath}`;
    this.#clock = clock;
  }

  /**
   * @returns nothing: the gateway updates its own sockets
   * @throws AudienceError UNAVAILABLE; or the gateway's own error
   */
  async apply({ changes }: Pick<ChangeBatch, "changes">): Promise<AffectedPairs[]> {
    for (const body of bodiesOf(changes.flatMap(partsOf).map(importLineOf))) await this.#post(body);
    return [];
  }

  async #post(body: string): Promise<void> {
    const timeout = new AbortController();
    const cancel = this.#clock.after(answerTimeoutMs, () => timeout.abort());
    try {
      const headers = { "content-type": requestContentType };
      const response = await fetch(this.#url, { method: "POST", headers, body, signal: timeout.signal });
      const answer = await response.text();
      if (!response.ok) throw refusalOf(response.status, answer);
      this.kind = (JSON.parse(answer) as { directory: "memory" | "redis" }).directory;
    } catch (error) {
      if (error instanceof AudienceError) throw error;
      const why = timeout.signal.aborted ? `no answer within ${answerTimeoutMs / 1000} s` : reasonOf(error);
      throw new AudienceError(
        "UNAVAILABLE",
        `${this.#url} cannot be asked: ${why}. Does the gateway run, and is this its HTTP_ADDR?`,
        { cause: error },
      );
    } finally {
      cancel();
    }
  }
}

/** Participants add up, so a conversation may be sent in parts. */
function partsOf(change: AudienceChange): AudienceChange[] {
  if (change.kind !== "conversation" || change.participants.length <= lineMaxParticipants) return [change];
  const { participants } = change;
  return Array.from({ length: Math.ceil(participants.length / lineMaxParticipants) }, (_, part) => ({
    ...change,
    participants: participants.slice(part * lineMaxParticipants, (part + 1) * lineMaxParticipants),
  }));
}

/** A quarter of the limit leaves room for the longest line, and the gateway time for its sockets. */
function* bodiesOf(lines: readonly string[]): Iterable<string> {
  let body = "";
  let bytes = 0;
  for (const line of lines) {
    body += `${line}\n`;
    bytes += Buffer.byteLength(line) + 1;
    if (bytes < requestMaxBytes / 4) continue;
    yield body;
    body = "";
    bytes = 0;
  }
  if (bytes > 0) yield body;
}

function refusalOf(status: number, answer: string): AudienceError {
  try {
    const { error, message } = JSON.parse(answer) as { error: AudienceErrorCode; message: string };
    return new AudienceError(error, message);
  } catch {
    return new AudienceError("UNAVAILABLE", `the gateway answered with ${status}: ${answer.trim().slice(0, 200)}`);
  }
}

/** Why `fetch` failed: in its cause, since its own message is always the same. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
}
