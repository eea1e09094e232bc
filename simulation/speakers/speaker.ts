import { StatusKeeper, watch } from "@realchat/presence-client";
import { pause } from "@realchat/presence-runtime/clock";
import type { SimulatedChannels } from "../gateways/simulated-channels.ts";
import { claimIds, type SaidStatus, type StatusTruth } from "../promises/status-truth.ts";
import type { Timeline } from "../promises/timeline.ts";
import type { Machine } from "../time/machine.ts";
import type { Random } from "../time/random.ts";

interface SpeakerOptions {
  readonly machine: Machine;
  readonly channels: SimulatedChannels;
  readonly random: Random;
  readonly truth: StatusTruth;
  readonly timeline: Timeline;
  readonly userIds: readonly string[];
  /** Between two times that something is said of a user, on average, and how long it holds, ms. */
  readonly everyMs: number;
  readonly lastsMs: { readonly least: number; readonly most: number };
}

const retryMs = 1_000;
const attemptsMax = 20;
/** A call that takes longer may have been tried by another node before, which may carry it out late, ms. */
const onceWithinMs = 20;
const availabilities = ["busy", "do-not-disturb", "away", "available"] as const;

type NewStatus = SaidStatus & { readonly availability: (typeof availabilities)[number] };

/** Says how users are, as people and their calendars do: with an end or without, and again when presence may have lost it. */
export function speak(options: SpeakerOptions): void {
  const { machine, channels, userIds } = options;
  const keeper = new StatusKeeper({ channels, clock: machine });
  void listen(keeper, channels, machine);
  for (const userId of userIds) speakOf(userId, keeper, options);
}

/** As a StatusKeeper without a SessionKeeper hears of losses. */
async function listen(keeper: StatusKeeper, channels: SimulatedChannels, machine: Machine): Promise<void> {
  for await (const news of watch(channels, { users: "everyone", clock: machine })) {
    if (news.kind === "change") keeper.heard(news);
    else if (news.kind === "recovering") keeper.sayAgain();
  }
}

function speakOf(userId: string, keeper: StatusKeeper, options: SpeakerOptions): void {
  const { machine, random, everyMs } = options;
  machine.after(random.around(everyMs), async () => {
    await say(userId, keeper, options);
    speakOf(userId, keeper, options);
  });
}

/** One thing, again until that is answered. */
async function say(userId: string, keeper: StatusKeeper, options: SpeakerOptions): Promise<void> {
  const { machine, random, truth, timeline } = options;
  const claimId = random.pick(claimIds);
  const status = random.chance(0.3) ? undefined : newStatus(options);
  const what =
    status === undefined ? "is cleared" : `is ${status.text}, ${status.availability}, until ${status.endsMs}`;
  truth.asked(userId, claimId, status);
  const askedMs = machine.monotonicMs();
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      if (status === undefined) await keeper.clearStatus(userId, { claimId });
      else await keeper.setStatus(userId, requestOf(claimId, status));
      truth.answered(userId, claimId, status, machine.monotonicMs() - askedMs > onceWithinMs);
      timeline.note("speaker", `${claimId} ${what}`, userId);
      return;
    } catch (error) {
      timeline.note("speaker", `${claimId} ${what} failed: ${(error as Error).message}`, userId);
      if (status !== undefined && status.endsMs <= machine.nowUs() / 1_000) return;
      await pause(machine, retryMs);
    }
  }
}

function newStatus({ machine, random, lastsMs }: SpeakerOptions): NewStatus {
  const forMs = random.chance(0.7) ? Math.round(random.between(lastsMs.least, lastsMs.most)) : Number.POSITIVE_INFINITY;
  return {
    availability: random.pick(availabilities),
    text: `status ${random.below(1_000_000_000)}`,
    endsMs: Math.floor(machine.nowUs() / 1_000) + forMs,
    lastsMs: forMs,
  };
}

function requestOf(claimId: string, { availability, text, endsMs }: NewStatus) {
  return { claimId, availability, text, ...(Number.isFinite(endsMs) && { expiresAtMs: endsMs }) };
}
