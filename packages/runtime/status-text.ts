import { faultOfText, type IdFault } from "./ids.ts";

/** Code points of a status' text, and bytes of UTF-8 of its emoji: docs/contract.md#status */
const textMaxCodePoints = 140;
const emojiMaxBytes = 32;

/** Whether presence takes it as what a status says; it may be empty. */
export function faultOfStatusText(text: string): IdFault | undefined {
  let codePoints = 0;
  for (const _ of text) codePoints += 1;
  const instead = `send at most ${textMaxCodePoints} without control characters`;
  if (codePoints > textMaxCodePoints) {
    return { what: `has ${codePoints} code points, limit ${textMaxCodePoints}`, instead };
  }
  const fault = faultOfText(text, Number.POSITIVE_INFINITY);
  return fault && { what: fault.what, instead };
}

/** Whether presence takes it as the emoji of a status; it may be empty. */
export function faultOfEmoji(emoji: string): IdFault | undefined {
  const fault = faultOfText(emoji, emojiMaxBytes);
  return fault && { what: fault.what, instead: `send one emoji, at most ${emojiMaxBytes} bytes` };
}
