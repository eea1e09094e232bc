import type { HeaderField } from "../hpack/header-field.ts";
import { classifyField } from "../stream/field-rules.ts";
import type { RequestAcceptor, RequestStream, StreamHandler } from "../stream/stream-handler.ts";
import { Call, type CallSurroundings } from "./call.ts";
import { acceptedEncodings } from "./compression.ts";
import { NonGrpcResponse } from "./non-grpc-response.ts";
import { classifyRpcField, RequestHead } from "./request-fields.ts";
import { encodingAdvice, trailersWith } from "./response-fields.ts";
import type { ServedMethod } from "./served-method.ts";

/** Characters of a request that its error repeats: an answer must not cost many times what it takes to ask. */
const shownMax = 100;

/** Turns requests into calls, and answers those that are none. */
export class RpcAcceptor implements RequestAcceptor {
  readonly #methods: ReadonlyMap<string, ServedMethod>;
  readonly #surroundings: CallSurroundings;
  /** Of the request that is being looked at. */
  readonly #head = new RequestHead();

  constructor(methods: ReadonlyMap<string, ServedMethod>, surroundings: CallSurroundings) {
    this.#methods = methods;
    this.#surroundings = surroundings;
  }

  readonly classify = (field: HeaderField): void => {
    classifyField(field);
    classifyRpcField(field, (path) => this.#methods.get(path));
  };

  accept(stream: RequestStream, fields: readonly HeaderField[]): StreamHandler | undefined {
    const head = this.#head;
    head.read(fields);
    const served = head.method as ServedMethod | undefined;
    if (head.httpMethod !== "POST") return new NonGrpcResponse(stream, 405, head.httpMethod !== "HEAD");
    if (!head.isGrpc) return new NonGrpcResponse(stream, 415, true);
    if (served === undefined) {
      return void stream.end(
        trailersWith("UNIMPLEMENTED", `there is no method ${head.path.slice(0, shownMax)}`, [], true),
      );
    }
    if (head.timeoutMs === undefined) {
      return void stream.end(trailersWith("INTERNAL", "grpc-timeout is not at most eight digits and a unit", [], true));
    }
    if (head.encoding !== "identity" && head.encoding !== "gzip") {
      const message = `grpc-encoding ${head.encoding.slice(0, shownMax)} is not known here: ${acceptedEncodings} are`;
      return void stream.end(trailersWith("UNIMPLEMENTED", message, encodingAdvice, true));
    }
    const call = new Call(served, stream, fields, head, this.#surroundings);
    call.start();
    return call;
  }

  refuseFields(stream: RequestStream): void {
    const limit = stream.connection.limits.headerListMaxBytes;
    const message = `the request's fields are larger than the limit of ${limit} bytes`;
    stream.end(trailersWith("RESOURCE_EXHAUSTED", message, [], true));
  }
}
