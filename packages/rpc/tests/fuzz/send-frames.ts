import { once } from "node:events";
import { createConnection } from "node:net";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { preface } from "../../testing/raw-http2/frames.ts";
import { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { violationsOf } from "../conformance/server-frame-rules.ts";
import { bytesOf, type FuzzedFrame } from "./fuzzed-frame.ts";
import type { SeededRandom } from "./seeded-random.ts";

/**
 * Sends the frames on a connection of their own, in chunks of any size, and leaves in one way or another.
 * @returns what is wrong with what the server sent meanwhile
 */
export async function sendFrames(
  port: number,
  frames: readonly FuzzedFrame[],
  random: SeededRandom,
): Promise<string[]> {
  const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const client = new RawHttp2Client(socket);
  if (random.chance(0.1)) socket.pause();
  for (const chunk of chunksOf(Buffer.concat([preface, ...frames.map(bytesOf)]), random)) {
    client.write(chunk);
    if (random.chance(0.5)) await turn();
  }
  if (random.chance(0.1)) client.end();
  await pause(systemClock, random.chance(0.02) ? 300 : random.below(15));
  client.destroy();
  return violationsOf(client.received);
}

function chunksOf(bytes: Buffer, random: SeededRandom): Buffer[] {
  if (random.chance(0.5)) return [bytes];
  const chunks: Buffer[] = [];
  const most = random.pick([3, 50, 2_000]);
  for (let at = 0, end = 0; at < bytes.length; at = end) {
    // The beginning in small frames, the rest at once: a cut is as good as the next one.
    end = chunks.length < 40 ? Math.min(bytes.length, at + 1 + random.below(most)) : bytes.length;
    chunks.push(bytes.subarray(at, end));
  }
  return chunks;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
