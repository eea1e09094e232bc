import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { waitUntil } from "@realchat/presence-testing";
import { type ReceivedSpan, spansIn } from "./decode-spans.ts";

export type { ReceivedSpan };

/** A collector that keeps what it is sent. */
export interface TestOtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Of each request with spans. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** What it answers from now on, or once that is known; 200 until then. */
  answerWith(status: number | Promise<number>): void;
  /** Resolves with the first span that fits. */
  untilSpan(what: string, fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
  stop(): Promise<void>;
}

export async function startOtlpReceiver(): Promise<TestOtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let answer: number | Promise<number> = 200;
  const server = createServer(async (request, response) => {
    const packed = await buffer(request);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(packed) : packed;
    const status = await answer;
    const isTraces = request.url === "/v1/traces" && request.headers["content-type"] === "application/x-protobuf";
    if (isTraces && status === 200) {
      headers.push(request.headers);
      spans.push(...spansIn(body));
    }
    response.writeHead(isTraces ? status : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    headers,
    answerWith(status) {
      answer = status;
    },
    async untilSpan(what, fits) {
      await waitUntil(() => spans.some(fits), { what: `a span is sent: ${what}`, deadlineMs: 20_000 });
      return spans.find(fits) as ReceivedSpan;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
