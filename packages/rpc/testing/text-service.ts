import type { TestContext } from "node:test";
import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import { health } from "@realchat/presence-proto";
import type { RpcServer, RpcServerOptions } from "../server.ts";
import { type Handlers, implement } from "../service.ts";
import { RpcError } from "../status.ts";

/** A message with one string field, number 1; the health request happens to be one. */
const Text = health.HealthCheckRequest;
export type Text = health.HealthCheckRequest;
export const text = (service: string): Text => ({ service });

/** A service of the four kinds of methods, each from texts to texts. */
export const TextDefinition = {
  fullName: "test.v1.Texts",
  methods: {
    unary: { name: "Unary", requestType: Text, requestStream: false, responseType: Text, responseStream: false },
    download: { name: "Download", requestType: Text, requestStream: false, responseType: Text, responseStream: true },
    upload: { name: "Upload", requestType: Text, requestStream: true, responseType: Text, responseStream: false },
    chat: { name: "Chat", requestType: Text, requestStream: true, responseType: Text, responseStream: true },
  },
} as const;

type TextHandlers = Handlers<typeof TextDefinition>;

/** Opens a server for one test, on a free port of the loopback, and closes it afterwards. */
export async function serveTexts(
  t: TestContext,
  create: (options: RpcServerOptions) => RpcServer,
  handlers: Partial<TextHandlers>,
  options: Partial<RpcServerOptions> = {},
): Promise<{ server: RpcServer; port: number; client: TextClient }> {
  const server = create({ services: [implement(TextDefinition, { ...notExpected, ...handlers })], ...options });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const client = new TextClient(port);
  t.after(async () => {
    client.close();
    await server.drain(0);
  });
  return { server, port, client };
}

const unexpected = () => {
  throw new RpcError("UNIMPLEMENTED", "not expected to be called in this test");
};
const notExpected: TextHandlers = { unary: unexpected, download: unexpected, upload: unexpected, chat: unexpected };

/** What another program would call the service with: grpc-js's own client. */
export class TextClient extends Client {
  constructor(
    port: number,
    channelCredentials: ChannelCredentials = credentials.createInsecure(),
    options: ChannelOptions = {},
  ) {
    super(`127.0.0.1:${port}`, channelCredentials, {
      "grpc.enable_retries": 0,
      "grpc.ssl_target_name_override": "localhost",
      ...options,
    });
  }

  /** @throws ServiceError */
  unary(request: string, options: CallOptions = {}, metadata = new Metadata()): Promise<string> {
    return this.unaryBytes(encode(text(request)), options, metadata);
  }

  /** As `unary`, with a request that need not be a message at all. */
  unaryBytes(request: Buffer, options: CallOptions = {}, metadata = new Metadata()): Promise<string> {
    return new Promise((resolve, reject) =>
      this.makeUnaryRequest(pathOf("Unary"), asIs, decode, request, metadata, options, (error, response) =>
        error === null ? resolve(response?.service ?? "") : reject(error),
      ),
    );
  }

  /** Calls a method that the service lacks. */
  unknown(path: string): Promise<never> {
    return new Promise((_resolve, reject) =>
      this.makeUnaryRequest(path, encode, decode, text(""), (error) => reject(error)),
    );
  }

  download(request: string, options: CallOptions = {}): ClientReadableStream<Text> {
    return this.makeServerStreamRequest(pathOf("Download"), encode, decode, text(request), options);
  }

  /** The response comes once the returned stream is ended. */
  upload(): { requests: ClientWritableStream<Text>; response: Promise<string> } {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const requests = this.makeClientStreamRequest(pathOf("Upload"), encode, decode, (error, response) =>
      error === null ? resolve(response?.service ?? "") : reject(error),
    );
    return { requests, response: promise };
  }

  chat(): ClientDuplexStream<Text, Text> {
    return this.makeBidiStreamRequest(pathOf("Chat"), encode, decode);
  }
}

/** The status a stream ends with; its error events are no failure of the test. */
export function statusOf(stream: ClientReadableStream<Text> | ClientDuplexStream<Text, Text>): Promise<StatusObject> {
  stream.on("error", () => undefined);
  return new Promise((resolve) => stream.once("status", resolve));
}

/** @returns the error that the call ended with */
export async function errorOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("the call succeeded");
}

export function pathOf(method: string): string {
  return `/${TextDefinition.fullName}/${method}`;
}

const encode = (message: Text) => Buffer.from(Text.encode(message).finish());
const decode = (bytes: Buffer) => Text.decode(bytes);
const asIs = (bytes: Buffer) => bytes;
