import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { AffectedPairs, AudienceDirectory } from "../audience/directory.ts";
import { sampleAudience } from "./sample-cast.ts";

const periodMs = 500;

/**
 * Lets the sample cast know each other, from now on and again whenever the directory lost its data.
 * @param onAffected hears whose relations may have changed
 * @returns ends it
 */
export function keepSampleCast(
  directory: AudienceDirectory,
  onAffected: (pairs: readonly AffectedPairs[]) => void,
  clock: Clock,
): Cancel {
  let appliedTo: string | undefined;
  let isApplying = false;
  const apply = async () => {
    const { generation } = directory;
    if (isApplying || generation === undefined || generation === appliedTo) return;
    isApplying = true;
    try {
      onAffected(await directory.apply({ changes: sampleAudience() }));
      appliedTo = generation;
    } catch {
      // The directory's health says that it is away; the next attempt is soon.
    } finally {
      isApplying = false;
    }
  };
  void apply();
  return clock.every(periodMs, () => void apply());
}
