import type { RpcLimits } from "../../limits.ts";
import { type CallContext, implement, type Service } from "../../service.ts";
import { RpcError } from "../../status.ts";
import { TextDefinition, text } from "../../testing/text-service.ts";

/** What the first word of a request makes a handler do; anything else is answered with the same text. */
export const behaviours = ["echo", "fail", "wait", "later", "large", "stop", "ignores backpressure"] as const;

/** A service whose handlers do all that handlers do: at once or later, much or little, to the end or not. */
export const target: Service = implement(TextDefinition, {
  unary(request, call) {
    const behaviour = behaviourOf(request.service);
    if (behaviour === "fail") throw new RpcError("ABORTED", "as asked for");
    if (behaviour === "wait") return cutOff(call).then(() => request);
    if (behaviour === "later") return turn().then(() => request);
    if (behaviour === "large") return text("y".repeat(100_000));
    call.addHeader("x-one", "1");
    call.compressResponses = true;
    return request;
  },
  async download(request, responses, call) {
    const behaviour = behaviourOf(request.service);
    if (behaviour === "fail") throw new RpcError("ABORTED", "as asked for");
    if (behaviour === "wait") await cutOff(call);
    const answer = text("y".repeat(behaviour === "large" ? 20_000 : 50));
    for (let count = 0; count < 20 && !call.signal.aborted; count++) {
      if (!responses.write(answer) && behaviour !== "ignores backpressure") await responses.drained();
    }
  },
  async upload(requests, call) {
    let bytes = 0;
    for await (const { service } of requests) {
      const behaviour = behaviourOf(service);
      if (behaviour === "fail") throw new RpcError("ABORTED", "as asked for");
      if (behaviour === "wait") await cutOff(call);
      if (behaviour === "later") await turn();
      if (behaviour === "stop") break;
      bytes += service.length;
    }
    return text(String(bytes));
  },
  async chat(requests, responses, call) {
    for await (const request of requests) {
      const behaviour = behaviourOf(request.service);
      if (behaviour === "fail") throw new RpcError("ABORTED", "as asked for");
      if (behaviour === "wait") await cutOff(call);
      if (behaviour === "stop") return;
      if (!responses.write(request) && behaviour !== "ignores backpressure") await responses.drained();
    }
  },
});

function behaviourOf(request: string): string {
  return request.split(" ", 1)[0] as string;
}

function cutOff({ signal }: CallContext): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Servers to attack: one as it comes, and one whose every limit is close. */
export const limitSets: readonly Partial<RpcLimits>[] = [
  {},
  {
    concurrentStreams: 4,
    resetBurst: 10,
    headerFramesMax: 3,
    headerBlockMaxBytes: 1_000,
    headerListMaxBytes: 1_500,
    settingsPerFrameMax: 8,
    emptyDataMax: 3,
    priorityFramesPerStream: 2,
    windowUpdatesPerDataFrame: 1,
    sendBufferMaxBytes: 4_096,
    streamWindowBytes: 20_000,
    connectionWindowBytes: 65_535,
    messageMaxBytes: 10_000,
    progressTimeoutMs: 200,
    prefaceTimeoutMs: 200,
    keepaliveTimeMs: 100,
    keepaliveTimeoutMs: 100,
    idleTimeoutMs: 100,
  },
];
