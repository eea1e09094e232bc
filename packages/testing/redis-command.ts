import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RedisTls } from "./redis-tls.ts";

export type RedisDoor = {
  readonly host: string;
  readonly port: number;
  /** Default `default`. */
  readonly user?: string;
  /** Default: it wants none. */
  readonly password?: string;
  /** Default: plain TCP. */
  readonly tls?: Pick<RedisTls, "ca">;
  /** Silence that is taken for no answer; default 5,000. */
  readonly timeoutMs?: number;
};

/** What a command is answered: https://redis.io/docs/latest/develop/reference/protocol-spec */
export type RedisAnswer = string | number | null | readonly RedisAnswer[];

/**
 * Sends one command on a connection of its own, and waits for its answer: tests arrange servers without the client that
 * is tested.
 * @throws Error with the words of an error reply; and when nothing answers
 */
export function redisCommand(door: RedisDoor, ...command: string[]): Promise<RedisAnswer> {
  const { host, port, user = "default", password, tls, timeoutMs = 5_000 } = door;
  return new Promise((resolve, reject) => {
    const socket = tls === undefined ? connect(port, host) : connectTls({ port, host, ca: tls.ca });
    let received = Buffer.alloc(0);
    let awaited = password === undefined ? 1 : 2;
    const end = (error: Error | undefined, answer: RedisAnswer = null) => {
      socket.destroy();
      if (error === undefined) resolve(answer);
      else reject(error);
    };
    socket.setTimeout(timeoutMs, () => end(new Error(`Redis on port ${port} does not answer ${command[0]}`)));
    socket.on("error", end);
    socket.on("close", () => end(new Error(`Redis on port ${port} closed the connection`)));
    socket.on(tls === undefined ? "connect" : "secureConnect", () => {
      if (password !== undefined) socket.write(respCommand("AUTH", user, password));
      socket.write(respCommand(...command));
    });
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (let read = parse(received, 0); read !== undefined; read = parse(received, 0)) {
        received = received.subarray(read.end);
        awaited -= 1;
        if (read.value instanceof Error) return end(read.value);
        if (awaited === 0) return end(undefined, read.value);
      }
    });
  });
}

/** A command is an array of bulk strings. */
function respCommand(...parts: string[]): string {
  const bulks = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${parts.length}\r\n${bulks.join("")}`;
}

type Parsed = { readonly value: RedisAnswer | Error; readonly end: number };

/** Undefined: there is more to come. */
function parse(bytes: Buffer, from: number): Parsed | undefined {
  const lineEnd = bytes.indexOf("\r\n", from);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString("utf8", from + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes.toString("latin1", from, from + 1)) {
    case "+":
      return { value: line, end };
    case "-":
      return { value: new Error(line), end };
    case ":":
      return { value: Number(line), end };
    case "$":
      return parseBulk(bytes, end, Number(line));
    default:
      return parseArray(bytes, end, Number(line));
  }
}

function parseBulk(bytes: Buffer, from: number, length: number): Parsed | undefined {
  if (length < 0) return { value: null, end: from };
  const end = from + length + 2;
  return bytes.length < end ? undefined : { value: bytes.toString("utf8", from, from + length), end };
}

function parseArray(bytes: Buffer, from: number, length: number): Parsed | undefined {
  if (length < 0) return { value: null, end: from };
  const values: RedisAnswer[] = [];
  let end = from;
  for (let index = 0; index < length; index++) {
    const item = parse(bytes, end);
    if (item === undefined) return undefined;
    values.push(item.value instanceof Error ? item.value.message : item.value);
    end = item.end;
  }
  return { value: values, end };
}
