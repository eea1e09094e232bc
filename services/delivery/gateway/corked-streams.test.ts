import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { CorkedStreams } from "./corked-streams.ts";

/** A stream that remembers what was written in one go. */
function recordingStream() {
  const writes: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      writes.push(String(chunk));
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join("+"));
      done();
    },
  });
  return { stream, writes };
}

/** Streams, and turns of an event loop that a test takes. */
function scene() {
  let next: (() => void)[] = [];
  const turn = () => {
    const runs = next;
    next = [];
    for (const run of runs) run();
  };
  return { turn, streams: new CorkedStreams((run) => next.push(run)) };
}

test("what is written within two turns goes out in one, and then all is as before", () => {
  const { turn, streams } = scene();
  const [one, other] = [recordingStream(), recordingStream()];
  streams.cork(one.stream);
  one.stream.write("self");
  turn();
  one.stream.write("presence");
  streams.cork(other.stream);
  other.stream.write("late");
  streams.cork(one.stream);
  assert.deepEqual([one.writes, other.writes], [[], []]);
  turn();
  assert.deepEqual([one.writes, other.writes], [["self+presence"], ["late"]]);
  one.stream.write("next");
  assert.deepEqual(one.writes, ["self+presence", "next"]);
});

test("a stream that ends or is destroyed meanwhile hinders nobody, and what it ends with is written", () => {
  const { turn, streams } = scene();
  const [ended, destroyed, open] = [recordingStream(), recordingStream(), recordingStream()];
  for (const { stream } of [ended, destroyed, open]) {
    streams.cork(stream);
    stream.write("self");
  }
  ended.stream.end("close");
  destroyed.stream.destroy();
  turn();
  turn();
  assert.deepEqual([ended.writes, destroyed.writes, open.writes], [["self+close"], [], ["self"]]);
});
