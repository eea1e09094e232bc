import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, startDelivery, type TestDelivery, temporaryFolder } from "@realchat/presence-testing";
import type { Link } from "../network/link.ts";

/** A place for a Delivery gateway, whose address and links stay while processes come and go. */
export class DeliverySlot {
  /** Where its pages are. */
  readonly socketAddress: string;
  /** To each node. */
  readonly links: readonly Link[];
  readonly #env: Readonly<Record<string, string>>;
  #process: TestDelivery | undefined;

  private constructor(socketAddress: string, links: readonly Link[], env: Readonly<Record<string, string>>) {
    this.socketAddress = socketAddress;
    this.links = links;
    this.#env = env;
  }

  /** It watches presence, and finds in a file who may see whom. @param options.observer who may see all users */
  static async open(options: { links: readonly Link[]; users: readonly string[]; observer: string }) {
    const { links, users, observer } = options;
    const file = join(temporaryFolder("fault-audience").path, "audience.jsonl");
    writeFileSync(file, `${JSON.stringify({ conversation_id: "all", participants: [observer, ...users] })}\n`);
    return new DeliverySlot(`127.0.0.1:${await freePort()}`, links, {
      PRESENCE_SVC_ADDR: links.map(({ address }) => address).join(","),
      FEED: "watch",
      AUDIENCE_FILE: file,
      SAMPLE_CAST: "false",
    });
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    this.#process = await startDelivery({ env: this.#env, socketAddress: this.socketAddress });
  }

  /** Of the process that it has now. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  freeze(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }
}
