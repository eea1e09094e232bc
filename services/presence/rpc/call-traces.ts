import { presence } from "@realchat/presence-proto";
import type { CallContext, Interceptor } from "@realchat/presence-rpc";
import type { Span, Tracer } from "@realchat/presence-runtime/tracer";
import { traceContextIn } from "@realchat/presence-runtime/tracing";

/** What calls are traced by. */
export interface CallTraces {
  /**
   * The trace context of what a call brings about; undefined: it is not recorded.
   * @param own of an entry of a batch: it goes before that of the call
   */
  of(call: CallContext, own?: string): string | undefined;
}

export const noTraces: CallTraces = { of: () => undefined };

const { fullName, methods } = presence.PresenceApiDefinition;
/** There are so many of them that nothing else would be seen. */
const heartbeats: readonly string[] = [
  methods.refreshSession.name,
  methods.refreshSessions.name,
  methods.keepLease.name,
];
const tracedMethods = new Set(
  Object.values(methods)
    .filter(({ name, responseStream }) => !responseStream && !heartbeats.includes(name))
    .map(({ name }) => `${fullName}/${name}`),
);

/** Traces calls to presence: all but heartbeats and streams. Its interceptor stands around their handlers. */
export class TracedCalls implements CallTraces {
  readonly #tracer: Tracer;
  readonly #spans = new WeakMap<CallContext, Span>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  of(call: CallContext, own = ""): string | undefined {
    const entry = own === "" ? undefined : traceContextIn(own);
    if (entry !== undefined) return entry.isSampled ? own : undefined;
    const span = this.#spans.get(call);
    return span?.isSampled ? span.traceparent : undefined;
  }

  /** Of a call that is recorded. */
  traceIdOf(call: CallContext | undefined): string | undefined {
    return call && traceContextIn(this.of(call))?.traceId;
  }

  readonly interceptor: Interceptor = (call, proceed) => {
    if (!tracedMethods.has(call.method)) return proceed();
    const [service = "", method = ""] = call.method.split("/");
    const span = this.#tracer.start(call.method, {
      kind: "server",
      parent: call.metadata("traceparent"),
      attributes: { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method },
    });
    this.#spans.set(call, span);
    return concluded(span, proceed);
  };
}

/** Ends the span with what comes of the handler. */
function concluded(span: Span, proceed: () => unknown): unknown {
  try {
    const result = proceed();
    if (!(result instanceof Promise)) {
      span.end();
      return result;
    }
    result.then(
      () => span.end(),
      (error) => span.end(String(error)),
    );
    return result;
  } catch (error) {
    span.end(String(error));
    throw error;
  }
}
