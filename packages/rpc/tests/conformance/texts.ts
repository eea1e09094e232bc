import type { CallContext, Service } from "../../service.ts";
import { implement } from "../../service.ts";
import { framed } from "../../testing/raw-call.ts";
import { type Field, fieldBlock } from "../../testing/raw-http2/field-block.ts";
import { data, headers, type Options } from "../../testing/raw-http2/frames.ts";
import { type Text, TextDefinition, text } from "../../testing/text-service.ts";

/** A request that is answered when the call is cut off, and a first request that keeps the others from being read. */
export const wait = "wait";
/** A first request that is answered before the others come. */
export const atOnce = "at once";

/**
 * The service that the conversations are about. Unary answers what it was asked, followed by the metadata `x-test`, and
 * adds a header and a trailer of as many letters as `x-letters` says;
 * Download answers as many letters as it was asked for; Upload answers all that it was told, in one text; Chat answers
 * each text with the same.
 */
export const texts: Service = implement(TextDefinition, {
  unary: async (request, call) => {
    if (request.service === wait) await cutOff(call);
    const letters = call.metadata("x-letters");
    if (letters !== undefined) {
      call.addHeader("x-head", "x".repeat(Number(letters)));
      call.addTrailer("x-trailer", "x".repeat(Number(letters)));
    }
    return text(request.service + (call.metadata("x-test") ?? ""));
  },
  download: async (request, responses) => {
    responses.write(text("x".repeat(Number(request.service))));
  },
  upload: async (requests, call) => {
    let all = "";
    for await (const { service } of requests) {
      if (service === wait) await cutOff(call);
      if (service === atOnce) return text(service);
      all += service;
    }
    return text(all);
  },
  chat: async (requests, responses) => {
    for await (const request of requests) responses.write(request);
  },
});

function cutOff({ signal }: CallContext): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

type Method = "Unary" | "Download" | "Upload" | "Chat";

/** The header section of a call, in good order. */
export function head(method: Method = "Unary"): readonly Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/${TextDefinition.fullName}/${method}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}

/** The header section with another value in one field. */
export function headWith(name: string, value: string): readonly Field[] {
  return head().map((field) => (field[0] === name ? [name, value] : field));
}

export function headWithout(name: string): readonly Field[] {
  return head().filter((field) => field[0] !== name);
}

/** The header section, and a field after it. */
export function headAnd(name: string, value: string): readonly Field[] {
  return [...head(), [name, value]];
}

/** Opens a stream; requests are to follow. */
export function open(stream: number, method: Method = "Upload"): Buffer {
  return headers(stream, fieldBlock(head(method)));
}

/** One request in a DATA frame. */
export function request(stream: number, content: string, options: Options = {}): Buffer {
  return data(stream, messageOf(content), options);
}

/** A whole call of Unary. */
export function unary(stream: number, content: string, fields: readonly Field[] = head()): Buffer {
  return Buffer.concat([headers(stream, fieldBlock(fields)), request(stream, content, { end: true })]);
}

/** A whole call that is answered with so many letters "x". */
export function download(stream: number, letters: number): Buffer {
  return Buffer.concat([open(stream, "Download"), request(stream, String(letters), { end: true })]);
}

/** A text as gRPC frames it. */
export function messageOf(content: string): Buffer {
  return framed(Buffer.from(codec.encode(text(content)).finish()));
}

/** The text of a response's body, which is one message. */
export function textOf(body: Buffer): string {
  const message: Text = codec.decode(body.subarray(5));
  return message.service;
}

const codec = TextDefinition.methods.unary.responseType;
