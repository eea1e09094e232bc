import assert from "node:assert/strict";
import { test } from "node:test";
import { afterData, afterHeaders, type StreamState } from "./stream-state.ts";

/** What follows each frame, or the error that the stream is reset with. RFC 9113 §5.1, as a table. */
const transitions: Record<StreamState, Record<string, string>> = {
  idle: { headers: "open", "headers, end": "half-closed", data: "STREAM_CLOSED", "data, end": "STREAM_CLOSED" },
  open: { headers: "PROTOCOL_ERROR", "headers, end": "half-closed", data: "open", "data, end": "half-closed" },
  "half-closed": {
    headers: "STREAM_CLOSED",
    "headers, end": "STREAM_CLOSED",
    data: "STREAM_CLOSED",
    "data, end": "STREAM_CLOSED",
  },
  closed: {
    headers: "STREAM_CLOSED",
    "headers, end": "STREAM_CLOSED",
    data: "STREAM_CLOSED",
    "data, end": "STREAM_CLOSED",
  },
};

const frames: Record<string, (state: StreamState) => StreamState> = {
  headers: (state) => afterHeaders(state, false),
  "headers, end": (state) => afterHeaders(state, true),
  data: (state) => afterData(state, false),
  "data, end": (state) => afterData(state, true),
};

test("each frame leads from each state to the one that RFC 9113 §5.1 says, or to its error", () => {
  for (const [state, after] of Object.entries(transitions)) {
    for (const [name, frame] of Object.entries(frames)) {
      assert.equal(resultOf(frame, state as StreamState), after[name], `${name} in ${state}`);
    }
  }
});

function resultOf(frame: (state: StreamState) => StreamState, state: StreamState): string {
  try {
    return frame(state);
  } catch (error) {
    return (error as { code: string }).code;
  }
}
