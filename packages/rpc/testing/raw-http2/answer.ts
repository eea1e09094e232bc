import type { RawHttp2Client } from "./raw-http2-client.ts";
import { contentOf, has } from "./received-frame.ts";

/** What a server answered on one stream, from HEADERS to END_STREAM. */
interface Answer {
  /** `:status` and the other fields of the header section; trailers with them, where there are any. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** @throws Error when the server resets the stream, ends the connection, or does not answer in time */
export async function readAnswer(client: RawHttp2Client, stream: number): Promise<Answer> {
  const fields = new Map<string, string>();
  const body: Buffer[] = [];
  for (;;) {
    const frame = await client.nextOf(["HEADERS", "DATA"], { stream });
    if (frame.type === "DATA") body.push(contentOf(frame));
    for (const [name, value] of frame.fields ?? []) fields.set(name, value);
    if (has(frame, "END_STREAM")) return { fields, body: Buffer.concat(body) };
  }
}
