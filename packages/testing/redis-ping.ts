import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RedisTls } from "./redis-tls.ts";

type RedisDoor = {
  readonly host: string;
  readonly port: number;
  /** Default `default`. */
  readonly user?: string;
  /** Default: it wants none. */
  readonly password?: string;
  /** Default: plain TCP. */
  readonly tls?: Pick<RedisTls, "ca">;
};

/** True when PING is answered `+PONG`; false on anything else, such as `-LOADING`, and when nothing listens. */
export function redisAnswers({ host, port, user = "default", password, tls }: RedisDoor): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tls === undefined ? connect(port, host) : connectTls({ port, host, ca: tls.ca });
    let answer = "";
    const done = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.on("error", () => done(false));
    socket.on("close", () => done(false));
    socket.on(tls === undefined ? "connect" : "secureConnect", () => {
      if (password !== undefined) socket.write(respCommand("AUTH", user, password));
      socket.write(respCommand("PING"));
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      if (answer.endsWith("+PONG\r\n")) done(true);
      else if (answer.includes("-")) done(false);
    });
  });
}

/** https://redis.io/docs/latest/develop/reference/protocol-spec: a command is an array of bulk strings. */
function respCommand(...parts: string[]): string {
  const bulks = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${parts.length}\r\n${bulks.join("")}`;
}
