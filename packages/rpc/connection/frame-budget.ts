import type { RpcLimits } from "../limits.ts";

/**
 * Frames that cost us something and a peer nothing: it has as many of them as its streams, and the DATA that it was
 * sent, give reason for. The formulae are Envoy's, `inbound_priority_frames_limit` and `inbound_window_update_frames_limit`
 * of https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/protocol.proto#config-core-v3-http2protocoloptions.
 */
export class FrameBudget {
  #streamsOpened = 0;
  #dataFramesSent = 0;
  #idle = 0;
  #windowUpdates = 0;
  #emptyData = 0;
  readonly #limits: RpcLimits;

  constructor(limits: RpcLimits) {
    this.#limits = limits;
  }

  streamOpened(): void {
    this.#streamsOpened += 1;
  }

  sentData(): void {
    this.#dataFramesSent += 1;
  }

  /** For PRIORITY and frames of an unknown type. @returns whether this one may come */
  takesIdleFrame(): boolean {
    this.#idle += 1;
    return this.#idle <= this.#limits.priorityFramesPerStream * (1 + this.#streamsOpened);
  }

  takesWindowUpdate(): boolean {
    this.#windowUpdates += 1;
    const perData = this.#limits.windowUpdatesPerDataFrame;
    return this.#windowUpdates <= 5 + 2 * (this.#streamsOpened + perData * this.#dataFramesSent);
  }

  /** @param isProgress whether it carries bytes, or ends a stream */
  takesData(isProgress: boolean): boolean {
    this.#emptyData = isProgress ? 0 : this.#emptyData + 1;
    return this.#emptyData <= this.#limits.emptyDataMax;
  }
}
