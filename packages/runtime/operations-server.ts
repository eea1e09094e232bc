import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "./clock.ts";
import { isOwnWithoutDoubt } from "./host-header.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { redactUrls } from "./redact.ts";
import { type Address, isLoopback } from "./settings/address.ts";

/**
 * What a part of the process says of itself: from what it knows already, without asking anyone. `optional`: calls are
 * served without it, so its absence is shown and no more.
 */
export type ReadinessCheck = () => { readonly ready: boolean; readonly detail: string; readonly optional?: boolean };

export interface OperationsOptions {
  readonly service: string;
  readonly metrics: Metrics;
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly isDraining: () => boolean;
  readonly clock: Clock;
  /** What this service does on request, by path. */
  readonly orders?: Readonly<Record<string, Order>>;
}

/** Something to POST. The body has to come within 5 s; the reader bounds it. */
export interface Order {
  /** For the index, one line. */
  readonly meaning: string;
  /** A rejection is answered with 500 and its message. */
  readonly run: (request: IncomingMessage) => Promise<{ readonly status: number; readonly value: unknown }>;
}

/**
 * What an operator, Prometheus or an orchestrator asks over HTTP: `/metrics`, `/health/live`, `/health/ready`, and what
 * the service's orders are.
 */
export class OperationsServer {
  readonly #options: OperationsOptions;
  readonly #orders: ReadonlyMap<string, Order>;
  readonly #server: Server;
  /** Only this machine can reach it: its browsers too, wherever their pages come from. */
  #isOnLoopback = true;

  constructor(options: OperationsOptions) {
    this.#options = options;
    this.#orders = new Map(Object.entries(options.orders ?? {}));
    this.#server = createServer({
      maxHeaderSize: 8_192,
      headersTimeout: 5_000,
      requestTimeout: 5_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
    });
    this.#server.maxConnections = 64;
    // Also ends connections whose peer does not read the answer.
    this.#server.setTimeout(10_000);
    this.#server.on("request", (request, response) => void this.#answer(request, response));
  }

  /** @returns the port that was bound, which matters when 0 was asked for */
  listen(address: Address): Promise<number> {
    this.#isOnLoopback = isLoopback(address.host);
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port: address.port, ...(address.host !== "" && { host: address.host }) }, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Lets open answers finish, for at most half a second. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(500, () => this.#server.closeAllConnections());
      this.#server.close(() => {
        cancel();
        resolve();
      });
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body, allow } = await this.#answerTo(request);
    response.writeHead(status, {
      "content-type": type,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(allow && { allow }),
      // Hardly anybody here reads a body: one that was sent all the same must not keep the connection busy.
      ...(hasBody(request) && { connection: "close" }),
    });
    response.end(body);
  }

  async #answerTo(request: IncomingMessage): Promise<Answer> {
    const { host } = request.headers;
    // Without one it is no browser: HTTP/1.0.
    if (this.#isOnLoopback && host !== undefined && !isOwnWithoutDoubt(host)) return plain(421, foreignHost);
    const [path = "/"] = (request.url ?? "/").split("?");
    const order = this.#orders.get(path);
    if (order !== undefined) return this.#carryOut(order, request);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return { ...plain(405, `${request.method} is not served here, only GET and HEAD\n`), allow: "GET, HEAD" };
    }
    switch (path) {
      case "/metrics":
        return this.#metrics();
      case "/health/live":
        return json(200, { status: "live" });
      case "/health/ready":
        return this.#readiness();
      case "/":
        return plain(200, `${this.#options.service}\n${this.#index()}`);
      default:
        return plain(404, `nothing is here; there are:\n${this.#index()}`);
    }
  }

  async #carryOut({ run }: Order, request: IncomingMessage): Promise<Answer> {
    if (request.method !== "POST") {
      return { ...plain(405, `${request.method} is not served here, only POST\n`), allow: "POST" };
    }
    try {
      const { status, value } = await run(request);
      return json(status, value);
    } catch (error) {
      return plain(500, `${redactUrls(messageOf(error))}\n`);
    }
  }

  #index(): string {
    return `${index}${[...this.#orders].map(([path, { meaning }]) => `${path.padEnd(14)} ${meaning}\n`).join("")}`;
  }

  async #metrics(): Promise<Answer> {
    const { metrics } = this.#options;
    try {
      return { status: 200, type: metrics.contentType, body: await metrics.text() };
    } catch (error) {
      return plain(500, `metrics cannot be read: ${redactUrls(messageOf(error))}\n`);
    }
  }

  #readiness(): Answer {
    const checks = Object.entries(this.#options.checks).map(([name, check]) => [name, outcomeOf(check)] as const);
    const ready = checks.every(([, { status, optional }]) => status === "ready" || optional);
    const status = this.#options.isDraining() ? "draining" : ready ? "ready" : "not ready";
    return json(status === "ready" ? 200 : 503, { status, checks: Object.fromEntries(checks) });
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly allow?: string;
}

const foreignHost =
  "this server does not know itself by that name, and a page elsewhere may have made the name lead here: " +
  "ask by address or as localhost. Where HTTP_ADDR listens beyond loopback it answers by any name.\n";

const index = `
/metrics       metrics for Prometheus
/health/live   200 while the process answers at all
/health/ready  200 while it should be sent calls, else 503; with each dependency's state
`;

function outcomeOf(check: ReadinessCheck): { status: "ready" | "not ready"; detail: string; optional?: boolean } {
  try {
    const { ready, detail, optional } = check();
    return { status: ready ? "ready" : "not ready", detail: redactUrls(detail), optional };
  } catch (error) {
    return { status: "not ready", detail: redactUrls(messageOf(error)) };
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json", body: `${JSON.stringify(value, null, 2)}\n` };
}

function plain(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
