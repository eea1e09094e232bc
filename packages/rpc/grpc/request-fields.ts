import type { HeaderField } from "../hpack/header-field.ts";
import { fieldKinds } from "../stream/field-rules.ts";
import { timeoutMsOf } from "./timeout.ts";

/** Kinds of fields that gRPC gives a meaning to, after those of HTTP. */
const rpcFieldKinds = { CONTENT_TYPE: 16, TIMEOUT: 17, ENCODING: 18, ACCEPT_ENCODING: 19 } as const;

/** `application/grpc`, also with a subtype or parameters. */
const grpcContentType = /^application\/grpc(?:[+;]|$)/;

/**
 * Reads what a field says of a call: a path its method, a timeout its milliseconds (undefined: malformed), the others
 * whether they are as we need them.
 */
export function classifyRpcField(field: HeaderField, methodAt: (path: string) => unknown): void {
  if (field.kind === fieldKinds.PATH) {
    field.meaning = methodAt(field.value);
  } else if (field.kind === fieldKinds.REGULAR) {
    classifyRegular(field);
  }
}

function classifyRegular(field: HeaderField): void {
  switch (field.name) {
    case "content-type":
      field.kind = rpcFieldKinds.CONTENT_TYPE;
      field.meaning = grpcContentType.test(field.value);
      break;
    case "grpc-timeout":
      field.kind = rpcFieldKinds.TIMEOUT;
      field.meaning = timeoutMsOf(field.value);
      break;
    case "grpc-encoding":
      field.kind = rpcFieldKinds.ENCODING;
      field.meaning = field.value;
      break;
    case "grpc-accept-encoding":
      field.kind = rpcFieldKinds.ACCEPT_ENCODING;
      field.meaning = /(?:^|,)\s*gzip\s*(?:,|$)/.test(field.value);
      break;
    default:
  }
}

/** What the fields of one request say, read off; used again for the next one. */
export class RequestHead {
  httpMethod = "";
  isGrpc = false;
  path = "";
  method: unknown;
  timeoutMs: number | undefined = Number.POSITIVE_INFINITY;
  encoding = "identity";
  takesGzip = false;

  read(fields: readonly HeaderField[]): void {
    this.httpMethod = "";
    this.isGrpc = false;
    this.path = "";
    this.method = undefined;
    this.timeoutMs = Number.POSITIVE_INFINITY;
    this.encoding = "identity";
    this.takesGzip = false;
    for (let index = 0; index < fields.length; index++) this.#note(fields[index] as HeaderField);
  }

  #note(field: HeaderField): void {
    switch (field.kind) {
      case fieldKinds.METHOD:
        this.httpMethod = field.value;
        break;
      case fieldKinds.PATH:
        this.path = field.value;
        this.method = field.meaning;
        break;
      case rpcFieldKinds.CONTENT_TYPE:
        this.isGrpc = field.meaning as boolean;
        break;
      case rpcFieldKinds.TIMEOUT:
        this.timeoutMs = field.meaning as number | undefined;
        break;
      case rpcFieldKinds.ENCODING:
        this.encoding = field.meaning as string;
        break;
      case rpcFieldKinds.ACCEPT_ENCODING:
        this.takesGzip = field.meaning as boolean;
        break;
      default:
    }
  }
}
