import type { RequestStream, StreamHandler } from "../stream/stream-handler.ts";
import { plainText } from "./response-fields.ts";

const advice = Buffer.from("This port speaks gRPC: POST, with content-type application/grpc.\n");
const nothing = Buffer.alloc(0);

/** Answers a request that is HTTP/2 and not gRPC, once it has ended, in words that a person can read. */
export class NonGrpcResponse implements StreamHandler {
  readonly #stream: RequestStream;
  readonly #status: number;
  readonly #wantsBody: boolean;

  constructor(stream: RequestStream, status: number, wantsBody: boolean) {
    this.#stream = stream;
    this.#status = status;
    this.#wantsBody = wantsBody;
  }

  data(_bytes: Buffer, start: number, end: number): void {
    this.#stream.consumed(end - start);
  }

  ended(): void {
    this.#stream.sendHeaders(plainText(this.#status), !this.#wantsBody);
    if (this.#wantsBody) {
      this.#stream.sendData(nothing, advice);
      this.#stream.end();
    }
    this.#stream.handled();
  }

  lost(): void {
    this.#stream.handled();
  }

  writable(): void {}
}
