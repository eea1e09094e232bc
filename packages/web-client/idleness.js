/** @import { Clock, IdleOptions } from "./types.d.ts" */

// All that a person does to a page, by dictation or with a screen reader, too.
const USES = ["click", "input", "keydown", "pointerdown", "pointermove", "visibilitychange", "wheel"];
// What follows a use so closely is the same one.
const SAME_USE_MS = 1_000;

/**
 * Finds out, in a page, since when nobody uses this browser: tabs of one origin tell each other. Without a BroadcastChannel each is
 * on its own, and presence goes by the one that is used.
 * @param {Clock} clock
 * @param {(idleSinceMs: number) => void} tell at once, and at each use; 0: somebody uses it
 * @param {IdleOptions | false} [options] false: does nothing
 * @returns {() => void} ends it
 */
export function watchIdleness(clock, tell, options = {}) {
  if (!options || typeof document === "undefined") return () => {};
  const { afterMs = 300_000, channel = "realchat-presence" } = options;
  const tabs = globalThis.BroadcastChannel && new BroadcastChannel(channel);
  const end = new AbortController();
  let usedMs = 0;
  let cancel = () => {};
  const used = () => {
    usedMs = clock.now();
    cancel();
    cancel = clock.after(afterMs, () => tell(usedMs));
    tell(0);
  };
  const usedHere = (/** @type {Event} */ event) => {
    if (Math.abs(clock.now() - usedMs) < SAME_USE_MS || !isUse(event)) return;
    used();
    tabs?.postMessage(usedMs);
  };
  for (const use of USES) addEventListener(use, usedHere, { capture: true, passive: true, signal: end.signal });
  if (tabs) tabs.onmessage = used;
  used();
  return () => {
    cancel();
    end.abort();
    tabs?.close();
  };
}

/** Scripts make events, and so does a page that moves beneath a pointer that rests. @param {Event & Partial<PointerEvent>} event */
function isUse({ isTrusted, type, movementX, movementY }) {
  return isTrusted && !document.hidden && (type !== "pointermove" || movementX !== 0 || movementY !== 0);
}
