import type { Tracer } from "@realchat/presence-runtime/tracer";
import type { Dot } from "./dot.ts";

/** Ends the trace of a change with the first frame that tells it here. @returns is called with each dot that is told */
export function frameTraces(tracer: Tracer): (dot: Dot) => void {
  const told = new WeakSet<Dot>();
  return (dot) => {
    const { traceparent: parent, version, shard } = dot;
    if (parent === undefined || told.has(dot)) return;
    told.add(dot);
    const attributes = { "presence.version": String(version), "presence.shard": shard };
    tracer.start("tell sockets", { kind: "consumer", parent, startUs: version, attributes }).end();
  };
}
