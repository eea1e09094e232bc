import type { Contestant } from "./contestants.ts";
import { LineProcess } from "./line-process.ts";
import type { StreamOptions } from "./servers/answers.ts";
import type { Listening, Usage } from "./servers/serve.ts";

interface ServerOptions {
  /** Folder with certificate.pem and key.pem; undefined: plain text. */
  readonly tls?: string | undefined;
  /** What WatchPresence answers. */
  readonly streams?: StreamOptions | undefined;
  /** File that a V8 CPU profile is written to at the end, from the first look at the server's usage on. */
  readonly profile?: string | undefined;
}

/** A contestant's server, in a process of its own. */
export class RunningServer {
  readonly contestant: Contestant;
  /** `host:port` */
  readonly address: string;
  readonly #process: LineProcess;

  private constructor(contestant: Contestant, address: string, process: LineProcess) {
    this.contestant = contestant;
    this.address = address;
    this.#process = process;
  }

  static async start(contestant: Contestant, options: ServerOptions): Promise<RunningServer> {
    const { tls, streams, profile } = options;
    const process = new LineProcess(contestant.program, [
      ...contestant.args,
      ...(tls === undefined ? [] : ["--tls", tls]),
      ...(streams === undefined ? [] : ["--messages", String(streams.messagesPerStream)]),
      ...(profile === undefined ? [] : ["--profile", profile]),
      ...(streams?.isPaced === true ? ["--paced"] : []),
    ]);
    const { port } = await process.hear<Listening>();
    return new RunningServer(contestant, `127.0.0.1:${port}`, process);
  }

  usage(): Promise<Usage> {
    return this.#process.ask("usage");
  }

  end(): Promise<void> {
    return this.#process.end();
  }
}
