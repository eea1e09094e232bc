import { presence } from "@realchat/presence-proto";
import { implement, type ServiceDefinition } from "@realchat/presence-rpc";

/** What every server of the comparison answers, whichever engine carries it; go/server/main.go says the same in Go. */

const { fullName, methods } = presence.PresenceApiDefinition;
const { refreshSession, getPresence, watchPresence } = methods;
export const definition = {
  fullName,
  methods: { refreshSession, getPresence, watchPresence },
} satisfies ServiceDefinition;

/** A few bytes to a few bytes. */
export function refreshed(): presence.RefreshSessionResponse {
  return { heartbeatInterval: { seconds: 20, nanos: 0 } };
}

export function presencesOf({ userIds }: presence.GetPresenceRequest): presence.GetPresenceResponse {
  return { presences: userIds.map(onlineUser), recovering: false, lastSeenRetention: undefined, data: [] };
}

/** One message of a stream. */
export function change(): presence.WatchPresenceResponse {
  const update = {
    userId: "user-1",
    status: presence.PresenceStatus.PRESENCE_STATUS_ONLINE,
    occurredAt: 0,
    version: 1_700_000_000_000_000,
    cause: presence.TransitionCause.TRANSITION_CAUSE_UNSPECIFIED,
    deviceId: "",
    instanceId: "",
    lastSeenAt: undefined,
    shard: 0,
    userStatus: undefined,
  };
  return { snapshot: [], snapshotComplete: false, updates: [update], reset: false, recovering: false };
}

export interface StreamOptions {
  /** Of each answer to WatchPresence. */
  readonly messagesPerStream: number;
  /** Whether a stream writes one message each turn of the event loop, as when changes come, or all it has room for. */
  readonly isPaced: boolean;
}

/** Counts what it sends, so that the server's progress can be read at any time. */
export class PresenceAnswers {
  messagesSent = 0;
  readonly streams: StreamOptions;

  constructor(streams: StreamOptions) {
    this.streams = streams;
  }

  #turn: PromiseWithResolvers<void> | undefined;

  /** One for all streams, so that waiting costs little beside what is measured. */
  nextTurn(): Promise<void> {
    if (this.#turn === undefined) {
      this.#turn = Promise.withResolvers();
      setImmediate(() => {
        this.#turn?.resolve();
        this.#turn = undefined;
      });
    }
    return this.#turn.promise;
  }

  /** For an engine that takes services. */
  service() {
    return implement(definition, {
      refreshSession: () => {
        this.messagesSent += 1;
        return refreshed();
      },
      getPresence: (request) => {
        this.messagesSent += 1;
        return presencesOf(request);
      },
      watchPresence: async (_, responses, { signal }) => {
        const { messagesPerStream, isPaced } = this.streams;
        for (let index = 0; index < messagesPerStream && !signal.aborted; index++) {
          this.messagesSent += 1;
          if (!responses.write(change())) await responses.drained();
          if (isPaced) await this.nextTurn();
        }
      },
    });
  }
}

function onlineUser(userId: string): presence.UserPresence {
  const deviceIds = ["phone"];
  return {
    userId,
    online: true,
    deviceIds,
    version: 1_700_000_000_000_000,
    lastSeenAt: undefined,
    shard: 7,
    status: undefined,
    unknown: false,
  };
}
