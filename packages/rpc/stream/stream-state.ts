import { StreamError } from "../connection/stream-end.ts";

/**
 * The states of RFC 9113 §5.1 that a request's stream goes through at the server:
 *
 *                 HEADERS                    END_STREAM
 *        idle ───────────────► open ──────────────────────► half-closed (the peer's side)
 *          │                    │                              ▲     │
 *          └────────────────────┼── HEADERS with END_STREAM ───┘     │
 *                               │                                    │
 *                               │  our END_STREAM, or RST_STREAM     │
 *                               │  by either side                    │
 *                               └───────────────► closed ◄───────────┘
 *
 * The server's own half-closed state does not last: a response that ends before its request is followed by RST_STREAM
 * with NO_ERROR (§8.1).
 */
export type StreamState = "idle" | "open" | "half-closed" | "closed";

/** @throws StreamError when the state does not allow the frame */
export function afterHeaders(state: StreamState, endStream: boolean): StreamState {
  if (state === "idle") return endStream ? "half-closed" : "open";
  if (state !== "open") throw new StreamError("STREAM_CLOSED", "HEADERS after END_STREAM");
  if (!endStream) throw new StreamError("PROTOCOL_ERROR", "trailers that do not end the stream");
  return "half-closed";
}

/** @throws StreamError when the state does not allow the frame */
export function afterData(state: StreamState, endStream: boolean): StreamState {
  if (state !== "open") throw new StreamError("STREAM_CLOSED", "DATA after END_STREAM");
  return endStream ? "half-closed" : "open";
}
