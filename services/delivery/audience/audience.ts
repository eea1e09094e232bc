import type { Readable } from "node:stream";
import { backoffMs, type Clock, type Log, type Order, pause } from "@realchat/presence-runtime";
import { AudienceError } from "./audience-error.ts";
import { completeDirectory } from "./complete-directory.ts";
import type { AudienceDirectory, DirectoryMetrics } from "./directory.ts";
import { ImportPoll } from "./import-poll.ts";
import type { DirectoryListener } from "./listener.ts";
import { importEndpoint } from "./live/import-endpoint.ts";
import { MemoryDirectory } from "./memory/memory-directory.ts";
import type { RedisDirectoryOptions } from "./redis/directory-server.ts";
import { RedisDirectory } from "./redis/redis-directory.ts";
import { ConversationListing } from "./sources/grpc/conversation-listing.ts";
import { checkImport, importAudience } from "./sources/import-audience.ts";
import { importFile } from "./sources/import-file.ts";
import type { KafkaSource, KafkaSourceOptions } from "./sources/kafka-source.ts";
import type { FollowerMetrics } from "./sources/topic-follower.ts";
import { audienceTopics } from "./sources/topics.ts";

interface AudienceOptions {
  /** undefined: the directory is in memory. */
  readonly redis: RedisDirectoryOptions | undefined;
  /** JSON lines to begin with. */
  readonly file: string | undefined;
  /** `host:port` of the ConversationApi. */
  readonly conversationApi: string | undefined;
  /** undefined: nothing is read from Kafka. */
  readonly kafka: (KafkaSourceOptions["kafka"] & Pick<KafkaSourceOptions, "topics">) | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const unread: FollowerMetrics = { records: 0, malformed: 0, unreadable: 0, held: 0, outOfRange: 0, failures: 0 };
const importPace = { firstMs: 500, capMs: 5_000 };

/** The audience: the directory and its sources, which are Kafka topics, a file and the conversation service. */
export class Audience {
  readonly #options: AudienceOptions;
  readonly #stop = new AbortController();
  #source: KafkaSource | undefined;
  #listing: ConversationListing | undefined;
  #importPoll: ImportPoll | undefined;
  #importing: Promise<void> = Promise.resolve();

  /** Where relations and policies are stored. */
  readonly stored: MemoryDirectory | RedisDirectory;
  /** Reads reject until the directory is complete: half a history might show a user that is blocked. */
  readonly directory: AudienceDirectory;

  constructor(options: AudienceOptions) {
    const { redis, clock, log } = options;
    this.#options = options;
    const onUnreadable = (key: string) =>
      log.error({ key }, "this key of the audience holds something else: nobody is shown because of it");
    const onEviction = (detail: string) => log.warn(`the audience's ${detail}`);
    const told = { onUnreadable, onEviction, onSetting: onEviction };
    this.stored =
      redis === undefined ? new MemoryDirectory({}, clock) : new RedisDirectory({ ...redis, ...told }, clock);
    const whole = completeDirectory(this.stored, () => this.isComplete);
    this.directory = {
      ...whole,
      get generation() {
        return whole.generation;
      },
      visibleTo: (viewer, limit) => {
        // Not waited for: users that it adds are shown later.
        void this.#listing?.refresh(viewer);
        return whole.visibleTo(viewer, limit);
      },
    };
  }

  /**
   * Connects and starts to read the sources; retries those that are unavailable.
   * @throws AudienceError INVALID_IMPORT when the file cannot be read, or has an error in it
   */
  async start(listener: DirectoryListener): Promise<void> {
    const { file, kafka, conversationApi: address, redis, clock, log } = this.#options;
    const directory = this.stored;
    const open = file === undefined ? undefined : await importFile(file);
    const checked = open && (await checkImport(open()));
    await directory.open();
    if (open !== undefined) this.#importing = this.#import(open, listener);
    if (checked?.contacts?.example !== undefined) {
      const { mutual, oneSided } = checked.contacts;
      log.warn({ file, mutual, oneSided }, "contacts of the audience file are one-sided: these show nobody");
    }
    if (address !== undefined) this.#listing = new ConversationListing({ address, directory, listener, clock });
    if (redis !== undefined) {
      this.#importPoll = new ImportPoll(directory, listener, clock);
      this.#importPoll.start();
    }
    if (kafka !== undefined) {
      const { topics } = kafka;
      const { KafkaSource } = await import("./sources/kafka-source.ts");
      this.#source = new KafkaSource({ kafka, topics, directory, listener, clock, log });
      this.#source.start();
    }
  }

  /** Whether everything is applied that was said before the start. */
  get isComplete(): boolean {
    return this.#options.kafka === undefined || this.#source?.isComplete === true;
  }

  /** See Policies. */
  async atEndOfPrivacy(): Promise<void> {
    await this.#source?.atEndOfPrivacy();
  }

  /** The HTTP endpoint that takes imports while the gateway runs. */
  importEndpoint(options: { readonly listener: DirectoryListener; readonly isExposed: boolean }): Order {
    return importEndpoint({ directory: this.stored, ...options });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#importPoll?.stop();
    this.#listing?.close();
    await Promise.all([this.#source?.stop(), this.#importing]);
    await this.stored.close();
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    const { ready, detail } = this.stored.health();
    const source = this.#source?.health();
    return {
      ready: ready && (source?.ready ?? true),
      detail: source === undefined ? detail : `${detail}; ${source.detail}`,
    };
  }

  /** See DirectoryMetrics. */
  get eviction(): DirectoryMetrics["eviction"] {
    return this.stored.metrics().eviction;
  }

  /** See DirectoryMetrics. */
  get settings(): DirectoryMetrics["settings"] {
    return this.stored.metrics().settings;
  }

  /** Metrics of the Kafka topics, by topic. */
  topics(): ReadonlyMap<string, FollowerMetrics> {
    return this.#source?.metrics() ?? new Map(audienceTopics.map((topic) => [topic, unread]));
  }

  /** Listings of users' conversations, by outcome. */
  listings(): Readonly<Record<string, number>> {
    return this.#listing?.metrics().outcomes ?? { applied: 0, failed: 0, skipped: 0, cached: 0 };
  }

  /** How full the queues and the directory are. */
  bounds(): Readonly<Record<string, { readonly used: number; readonly limit: number }>> {
    const { relations, relationsLimit, bounds } = this.stored.metrics();
    const listings = Object.entries(this.#listing?.metrics().bounds ?? {});
    return {
      ...Object.fromEntries(Object.entries(bounds).map(([name, bound]) => [`directory_${name}`, bound])),
      ...(relationsLimit !== undefined && { directory_relations: { used: relations, limit: relationsLimit } }),
      ...Object.fromEntries(listings.map(([name, bound]) => [`listing_${name}`, bound])),
    };
  }

  async #import(open: () => Readable, listener: DirectoryListener): Promise<void> {
    const { file, clock, log } = this.#options;
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      try {
        const imported = await importAudience(this.stored, open(), { listener });
        log.info({ file, ...imported }, "the audience file is imported");
        return;
      } catch (error) {
        const isPassing = error instanceof AudienceError && error.code === "UNAVAILABLE";
        if (attempt === 0 || !isPassing) log.error({ err: error, file }, "the audience file is not imported");
        if (!isPassing) return;
      }
      await pause(clock, backoffMs(attempt, importPace, clock), this.#stop.signal);
    }
  }
}
