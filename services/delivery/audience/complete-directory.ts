import { AudienceError } from "./audience-error.ts";
import type { AudienceDirectory } from "./directory.ts";

/**
 * A directory whose reads reject until its history is complete: half a history may say that two users share a
 * conversation, and not yet that one blocks the other.
 * @param isComplete such as KafkaSource's
 */
export function completeDirectory(directory: AudienceDirectory, isComplete: () => boolean): AudienceDirectory {
  const whenComplete = <T>(read: () => Promise<T>) => readWhenComplete(isComplete, read);
  return {
    kind: directory.kind,
    get generation() {
      return directory.generation;
    },
    open: () => directory.open(),
    close: () => directory.close(),
    health() {
      const { ready, detail } = directory.health();
      return { ready: ready && isComplete(), detail: isComplete() ? detail : `${detail}, history is being read` };
    },
    metrics: () => directory.metrics(),
    visibleTo: (viewer, limit) => whenComplete(() => directory.visibleTo(viewer, limit)),
    maySee: (viewer, users) => whenComplete(() => directory.maySee(viewer, users)),
    contactsAmong: (userId, users) => whenComplete(() => directory.contactsAmong(userId, users)),
    apply: (batch) => directory.apply(batch),
    state: () => directory.state(),
  };
}

/** @throws AudienceError UNAVAILABLE while it is not */
export function readWhenComplete<T>(isComplete: () => boolean, read: () => Promise<T>): Promise<T> {
  if (isComplete()) return read();
  const message = "who may see whom is unknown: not all that was said is applied yet";
  return Promise.reject(new AudienceError("UNAVAILABLE", message));
}
