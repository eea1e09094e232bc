import { ConnectionError, settingIds, windowMaxBytes, windowUsualBytes } from "../frame/frame.ts";

/** What a peer's SETTINGS change for us; the values that hold before any come (RFC 9113 §6.5.2). */
export class PeerSettings {
  /** Window that each stream begins with, for what we send. */
  initialWindowBytes = windowUsualBytes;
  /** The peer's table is smaller than the usual one, and our next block has to say that we know (RFC 7541 §4.2). */
  owesTableUpdate = false;

  /** @throws ConnectionError when the value may not be sent */
  set(id: number, value: number): void {
    switch (id) {
      case settingIds.HEADER_TABLE_SIZE:
        if (value < 4_096) this.owesTableUpdate = true;
        return;
      case settingIds.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError("PROTOCOL_ERROR", `ENABLE_PUSH is ${value}, not 0 or 1`);
        return;
      case settingIds.INITIAL_WINDOW_SIZE:
        if (value > windowMaxBytes) {
          throw new ConnectionError("FLOW_CONTROL_ERROR", `INITIAL_WINDOW_SIZE is ${value}, above 2^31-1`);
        }
        this.initialWindowBytes = value;
        return;
      case settingIds.MAX_FRAME_SIZE:
        if (value < 16_384 || value > 16_777_215) {
          throw new ConnectionError("PROTOCOL_ERROR", `MAX_FRAME_SIZE is ${value}, not from 2^14 to 2^24-1`);
        }
        return;
      // We send frames that everybody takes, never push, and send short lists of fields.
      default:
    }
  }
}
