import { type Address, type Clock, showAddress } from "@realchat/presence-runtime";
import { AudienceError, type AudienceErrorCode } from "../audience-error.ts";
import type { AffectedPairs, AudienceChange, ChangeBatch } from "../directory.ts";
import { importLineOf } from "../sources/import-lines.ts";
import { importPath, orderMaxBytes, orderType } from "./import-order.ts";

/** Participants in one line at most: those of a bigger conversation come one part after the other. */
const lineMaxParticipants = 1_000;
const answerTimeoutMs = 15_000;

/** The directory of a gateway that runs, asked over its operations server to take imports. */
export class RunningGateway {
  readonly #url: string;
  readonly #clock: Clock;
  /** Where it keeps them, once it took some. */
  kind: "memory" | "redis" | undefined;

  /** @param address its HTTP_ADDR; an empty host, which is all interfaces, means this machine */
  constructor({ host, port }: Address, clock: Clock) {
    this.#url = `http://${showAddress({ host: host || "127.0.0.1", port })}${importPath}`;
    this.#clock = clock;
  }

  /**
   * @returns nothing: the gateway tells its own sockets
   * @throws AudienceError UNAVAILABLE; or as the gateway refuses it
   */
  async apply({ changes }: Pick<ChangeBatch, "changes">): Promise<AffectedPairs[]> {
    for (const body of bodiesOf(changes.flatMap(partsOf).map(importLineOf))) await this.#order(body);
    return [];
  }

  async #order(body: string): Promise<void> {
    const late = new AbortController();
    const cancel = this.#clock.after(answerTimeoutMs, () => late.abort());
    try {
      const headers = { "content-type": orderType };
      const response = await fetch(this.#url, { method: "POST", headers, body, signal: late.signal });
      const answer = await response.text();
      if (!response.ok) throw refusalOf(response.status, answer);
      this.kind = (JSON.parse(answer) as { directory: "memory" | "redis" }).directory;
    } catch (error) {
      if (error instanceof AudienceError) throw error;
      const why = late.signal.aborted ? `no answer within ${answerTimeoutMs / 1000} s` : reasonOf(error);
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

/** A conversation's participants add up, so that it may be told in parts. */
function partsOf(change: AudienceChange): AudienceChange[] {
  if (change.kind !== "conversation" || change.participants.length <= lineMaxParticipants) return [change];
  const { participants } = change;
  return Array.from({ length: Math.ceil(participants.length / lineMaxParticipants) }, (_, part) => ({
    ...change,
    participants: participants.slice(part * lineMaxParticipants, (part + 1) * lineMaxParticipants),
  }));
}

/** A quarter of what an order may have leaves room for its longest line, and the gateway time for its sockets. */
function* bodiesOf(lines: readonly string[]): Iterable<string> {
  let body = "";
  let bytes = 0;
  for (const line of lines) {
    body += `${line}\n`;
    bytes += Buffer.byteLength(line) + 1;
    if (bytes < orderMaxBytes / 4) continue;
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

/** What `fetch` failed for; its own message is always the same. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
}
