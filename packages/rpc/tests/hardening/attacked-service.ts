import { type CallContext, implement, type Service } from "../../service.ts";
import { type Text, TextDefinition, text } from "../../testing/text-service.ts";

/** What a request asks for. */
export const asks = {
  /** To go on, whatever becomes of the call, until the test lets go. */
  hold: "hold",
  /** To wait until the call is cut off, and to read no more requests meanwhile. */
  wait: "wait",
  /** Unary: an answer of 50,000 bytes. Download: such answers for as long as the call lasts, at the caller's pace. */
  much: "much",
} as const;

/** Handlers that an attacker would look for, and what they saw of it. */
export class AttackedService {
  /** Handlers at work now, and at most so far. */
  atWork = 0;
  atWorkMax = 0;
  /** Calls that handlers were started for. */
  started = 0;
  /** Responses that `much` has handed on. */
  written = 0;
  /** Handlers that wait for their caller to read. */
  waitingToWrite = 0;
  readonly service: Service;
  readonly #released = Promise.withResolvers<void>();

  constructor() {
    this.service = implement(TextDefinition, {
      unary: (request, call) => (request.service in asks ? this.#answer(request, call) : request),
      download: (request, responses, call) =>
        this.#works(async () => {
          while (!call.signal.aborted) {
            this.written += 1;
            if (responses.write(request.service === asks.much ? much : request)) continue;
            this.waitingToWrite += 1;
            await responses.drained();
            this.waitingToWrite -= 1;
          }
        }),
      upload: (requests, call) =>
        this.#works(async () => {
          let bytes = 0;
          for await (const request of requests) {
            bytes += request.service.length;
            await this.#answer(request, call);
          }
          return text(String(bytes));
        }),
      chat: (requests, responses) =>
        this.#works(async () => {
          for await (const request of requests) if (!responses.write(request)) await responses.drained();
        }),
    });
  }

  /** Lets those go that were asked to hold. */
  release(): void {
    this.#released.resolve();
  }

  #answer(request: Text, call: CallContext): Promise<Text> {
    return this.#works(async () => {
      if (request.service === asks.hold) await this.#released.promise;
      if (request.service === asks.wait) await cutOff(call);
      return request.service === asks.much ? much : request;
    });
  }

  async #works<T>(work: () => Promise<T>): Promise<T> {
    this.started += 1;
    this.atWork += 1;
    this.atWorkMax = Math.max(this.atWorkMax, this.atWork);
    try {
      return await work();
    } finally {
      this.atWork -= 1;
    }
  }
}

const much = text("m".repeat(50_000));

function cutOff({ signal }: CallContext): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
