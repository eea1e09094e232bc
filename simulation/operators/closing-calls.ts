import type { presence } from "@realchat/presence-proto";
import type { CallTap, Method } from "../gateways/simulated-channels.ts";
import type { Closing } from "../promises/closings.ts";
import type { GroundTruth } from "../promises/ground-truth.ts";
import type { Timeline } from "../promises/timeline.ts";
import type { TruthClock } from "../promises/truth-clock.ts";

interface SentClosing {
  readonly request: presence.CloseSessionsRequest | undefined;
  /** One for each node that read it. */
  readonly readings: Closing[];
}

/** Tells the truth what an operator closes. */
export class ClosingCalls implements CallTap<SentClosing> {
  readonly #truth: GroundTruth;
  readonly #clock: TruthClock;
  readonly #timeline: Timeline;

  constructor(truth: GroundTruth, clock: TruthClock, timeline: Timeline) {
    this.#truth = truth;
    this.#clock = clock;
    this.#timeline = timeline;
  }

  sent(method: Method, request: unknown): SentClosing {
    const isClosing = method === "closeSessions";
    return { request: isClosing ? (request as presence.CloseSessionsRequest) : undefined, readings: [] };
  }

  read({ request, readings }: SentClosing): void {
    if (request === undefined) return;
    const { userId, deviceId, blockFor } = request;
    const blockMs = blockFor && blockFor.seconds * 1_000 + blockFor.nanos / 1_000_000;
    const read = { readMs: this.#clock.nowMs(), readClockMs: this.#clock.deadlineClockMs(userId) };
    const closing = { userId, deviceId, blockMs, ...read };
    readings.push(closing);
    this.#truth.closing(closing);
  }

  answered(_method: Method, _request: unknown, answer: unknown, { request, readings }: SentClosing): void {
    const closing = readings.at(-1);
    if (request === undefined || closing === undefined) return;
    const { closed } = answer as presence.CloseSessionsResponse;
    // A session that is over is not closed, and its device not blocked.
    if (request.sessionId !== "" && closed.length === 0) return;
    // Sessions without connection are known by no name: their sockets stay, and presence may or may not.
    const ids = closed.flatMap(({ sessionId }) => {
      const dot = sessionId.indexOf(".");
      return dot < 0 ? [] : [sessionId.slice(dot + 1)];
    });
    const { userId, deviceId, blockMs } = closing;
    const block = blockMs === undefined ? "" : `, blocked for ${blockMs} ms`;
    this.#timeline.note("operator", `closed ${deviceId || "all"} (${ids.join(" ")})${block}`, userId);
    this.#truth.closed(closing, ids);
  }

  failed(): void {}
}
