import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { AffectedPairs, AudienceDirectory } from "../audience/directory.ts";
import { sampleAudience } from "./sample-cast.ts";

const periodMs = 500;

/**
 * Applies the relations of the sample cast, now and whenever the directory lost its data.
 * @param onAffected called with the affected pairs
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
      // The directory's health reports it; the next attempt is soon.
    } finally {
      isApplying = false;
    }
  };
  void apply();
  return clock.every(periodMs, () => void apply());
}
