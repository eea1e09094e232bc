/**
 * What a server takes from its callers. Each limit that is hit is counted under its name in `RpcServer.metrics()` and
 * told on the diagnostics channel `realchat.rpc.limit`.
 */
export interface RpcLimits {
  /** Connections open at once. More are closed as soon as they are accepted. */
  readonly connectionsMax: number;
  /** The same, from one address. */
  readonly connectionsPerAddressMax: number;
  /** Streams open at once on a connection, their handlers that still run included; more: REFUSED_STREAM. */
  readonly concurrentStreams: number;
  /** Resets by the peer, or provoked by it, that a connection may have at once (CVE-2023-44487, CVE-2025-8671). */
  readonly resetBurst: number;
  /** How fast it may have them in the long run, each second. */
  readonly resetsPerSecond: number;
  /** HEADERS and CONTINUATION frames of one block (CVE-2024-27316); more: the connection ends. */
  readonly headerFramesMax: number;
  /**
   * Bytes of one block, as they come; more: the connection ends. A block within it is read to its end whatever its fields
   * are, so that the tables of both sides stay alike and a call with too much of them fails alone.
   */
  readonly headerBlockMaxBytes: number;
  /** Bytes of one block's fields, decoded, as RFC 9113 §10.5.1 counts them; more: RESOURCE_EXHAUSTED. */
  readonly headerListMaxBytes: number;
  /** Bytes of the table that the caller's encoder fills (SETTINGS_HEADER_TABLE_SIZE). */
  readonly headerTableMaxBytes: number;
  /** Answers to PING and SETTINGS that wait for a caller that does not read. */
  readonly queuedAcksMax: number;
  readonly settingsPerFrameMax: number;
  /** SETTINGS that a connection may have at once: each may change the windows of all its streams. */
  readonly settingsBurst: number;
  /** How fast it may have them in the long run, each second. */
  readonly settingsPerSecond: number;
  /** DATA frames without a byte and without END_STREAM, in a row. */
  readonly emptyDataMax: number;
  /** PRIORITY and unknown frames for each stream that was opened, and one. */
  readonly priorityFramesPerStream: number;
  /** WINDOW_UPDATE frames for each DATA frame that was sent, besides two a stream and a few to begin with. */
  readonly windowUpdatesPerDataFrame: number;
  /** Between two PINGs of a caller without calls; source: gRPC proposal A8. */
  readonly pingMinIntervalMs: number;
  /** The same, of a caller with calls. */
  readonly pingMinIntervalBusyMs: number;
  /** PINGs that may come too early; one more: ENHANCE_YOUR_CALM. */
  readonly pingStrikes: number;
  /** A frame, a header block or output that a caller's window holds up: how long without any progress. */
  readonly progressTimeoutMs: number;
  /** From the connection to the client's preface and SETTINGS; with TLS, its handshake included. */
  readonly prefaceTimeoutMs: number;
  /** How long a connection without calls stays; 0: for ever. */
  readonly idleTimeoutMs: number;
  /** Output that waits for the caller to read; beyond it, producers wait. */
  readonly sendBufferMaxBytes: number;
  /** Flow-control window of a stream: request bytes that may come before its handler asks for them. */
  readonly streamWindowBytes: number;
  /** The same, of all streams of a connection. */
  readonly connectionWindowBytes: number;
  /** Of one request after decompression; more: RESOURCE_EXHAUSTED. */
  readonly messageMaxBytes: number;
  /** Of all requests of a connection that are not complete; the one that goes beyond it is RESOURCE_EXHAUSTED. */
  readonly incompleteMaxBytes: number;
  /** Silence after which we ask whether the caller is still there. */
  readonly keepaliveTimeMs: number;
  /** How long the answer may take. */
  readonly keepaliveTimeoutMs: number;
}

export const defaultLimits: RpcLimits = {
  connectionsMax: 10_000,
  connectionsPerAddressMax: 10_000,
  concurrentStreams: 250,
  resetBurst: 1_000,
  resetsPerSecond: 33,
  headerFramesMax: 17,
  headerBlockMaxBytes: 256 * 1024,
  headerListMaxBytes: 16 * 1024,
  headerTableMaxBytes: 4_096,
  queuedAcksMax: 1_000,
  settingsPerFrameMax: 32,
  settingsBurst: 100,
  settingsPerSecond: 10,
  emptyDataMax: 100,
  priorityFramesPerStream: 100,
  windowUpdatesPerDataFrame: 10,
  pingMinIntervalMs: 300_000,
  pingMinIntervalBusyMs: 10_000,
  pingStrikes: 2,
  progressTimeoutMs: 20_000,
  prefaceTimeoutMs: 10_000,
  idleTimeoutMs: 0,
  sendBufferMaxBytes: 1024 * 1024,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 1024 * 1024,
  messageMaxBytes: 4 * 1024 * 1024,
  incompleteMaxBytes: 64 * 1024 * 1024,
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 10_000,
};
