import type { FrameFormat } from "../../services/delivery/push/frame-format.ts";
import type { ShownUser } from "../../services/delivery/push/shown-user.ts";

/** What a frame says. */
export type DotFrame =
  | { readonly kind: "snapshot" | "presence"; readonly dots: readonly ShownUser[] }
  | { readonly kind: "hidden"; readonly userIds: readonly string[] }
  | { readonly kind: "stale"; readonly isStale: boolean };

const contents = new WeakMap<Buffer, DotFrame>();

function frame(content: DotFrame): Buffer {
  const buffer = Buffer.alloc(1);
  contents.set(buffer, content);
  return buffer;
}

/** Frames that are handed over as they are: what their bytes would say is tested elsewhere. */
export const dotFrames: FrameFormat = {
  isBinary: false,
  includesDevices: false,
  snapshot: (dots) => [frame({ kind: "snapshot", dots })],
  presence: (dots) => [frame({ kind: "presence", dots })],
  hidden: (userIds) => [frame({ kind: "hidden", userIds })],
  stale: (isStale) => [frame({ kind: "stale", isStale })],
  pong: () => [],
};

export function contentOf(buffer: Buffer): DotFrame {
  return contents.get(buffer) as DotFrame;
}
