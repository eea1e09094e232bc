import { errorCodeOf, has, type ReceivedFrame } from "../../testing/raw-http2/received-frame.ts";

/**
 * What is wrong in itself with what a server sent on one connection, whatever was sent to it. Flow control is not
 * looked at here: it depends on the client's windows.
 * @returns sentences, none for a server that keeps the rules
 */
export function violationsOf(frames: readonly ReceivedFrame[]): string[] {
  const connection: ConnectionProgress = { stage: "preface", lastStream: Number.POSITIVE_INFINITY };
  const streams = new Map<number, StreamProgress>();
  return frames.flatMap((frame, index) => {
    const { type, stream } = frame;
    const violations = [...goOn(connection, frame), ...headViolations(frame), ...contentComplaints(frame)];
    if (stream !== 0) {
      const progress = streams.get(stream) ?? { stage: "head" };
      streams.set(stream, progress);
      violations.push(...advance(progress, frame));
    }
    return violations.map((what) => `frame ${index}, ${type} on stream ${stream}: ${what}`);
  });
}

/** What came before on the connection. */
interface ConnectionProgress {
  stage: "preface" | "open" | "failed";
  /** Of the last GOAWAY. */
  lastStream: number;
  /** The last frame of a field block that is not complete. */
  block?: ReceivedFrame;
}

function goOn(progress: ConnectionProgress, frame: ReceivedFrame): string[] {
  const { type, stream, payload } = frame;
  const violations: string[] = [];
  if (progress.stage === "failed") violations.push("§5.4.1: the connection is closed after GOAWAY with an error");
  if (progress.stage === "preface") {
    if (type !== "SETTINGS" || has(frame, "ACK")) violations.push("§3.4: SETTINGS are the first frame");
    progress.stage = "open";
  }
  if (progress.block !== undefined && (type !== "CONTINUATION" || stream !== progress.block.stream)) {
    violations.push("§4.3: nothing comes between the frames of a field block");
  }
  if (type === "HEADERS" || type === "CONTINUATION") progress.block = has(frame, "END_HEADERS") ? undefined : frame;
  if (type === "GOAWAY") {
    const last = payload.readUInt32BE(0);
    if (last > progress.lastStream) violations.push("§6.8: the last stream identifier is never increased");
    progress.lastStream = last;
    if (errorCodeOf(frame) !== "NO_ERROR") progress.stage = "failed";
  }
  return violations;
}

function headViolations({ type, flags, reserved, stream, payload }: ReceivedFrame): string[] {
  if (type === "unknown" || type === "PUSH_PROMISE") return ["§5.5 and §8.4: nobody asked for it"];
  const violations: string[] = [];
  if (reserved) violations.push("§4.1: the reserved bit is left unset");
  if (flags & ~usedFlags[type]) violations.push("§4.1: flags without a meaning are left unset");
  if (payload.length > 16_384) violations.push("§4.2: it is larger than the client's SETTINGS_MAX_FRAME_SIZE");
  if (connectionTypes.has(type) && stream !== 0) violations.push("§6: it belongs to the connection");
  if (streamTypes.has(type) && stream % 2 === 0) violations.push("§6: it belongs to a client's stream");
  return violations;
}

/** The bits that mean something. A server has no use for PRIORITY in HEADERS, but may set it. */
const usedFlags = {
  DATA: 0x9,
  HEADERS: 0x2d,
  PRIORITY: 0,
  RST_STREAM: 0,
  SETTINGS: 0x1,
  PING: 0x1,
  GOAWAY: 0,
  WINDOW_UPDATE: 0,
  CONTINUATION: 0x4,
} as const;

const connectionTypes: ReadonlySet<string> = new Set(["SETTINGS", "PING", "GOAWAY"]);
const streamTypes: ReadonlySet<string> = new Set(["DATA", "HEADERS", "CONTINUATION", "RST_STREAM", "PRIORITY"]);

function contentComplaints(frame: ReceivedFrame): string[] {
  const { payload } = frame;
  switch (frame.type) {
    case "SETTINGS":
      return settingsComplaints(frame);
    case "PING":
      return payload.length === 8 ? [] : ["§6.7: it has 8 octets"];
    case "GOAWAY":
      return typeof errorCodeOf(frame) === "string" ? [] : ["§7: nobody knows this error code"];
    case "RST_STREAM":
      return payload.length === 4 ? [] : ["§6.4: it has 4 octets"];
    case "WINDOW_UPDATE":
      return payload.length === 4 && payload.readInt32BE(0) > 0 ? [] : ["§6.9: the increment is 1 to 2^31-1"];
    default:
      return [];
  }
}

function settingsComplaints(frame: ReceivedFrame): string[] {
  const { payload } = frame;
  const violations: string[] = [];
  if (payload.length % 6 !== 0) return ["§6.5: a setting has 6 octets"];
  if (has(frame, "ACK") && payload.length > 0) violations.push("§6.5: an acknowledgment is empty");
  for (let at = 0; at < payload.length; at += 6) {
    const id = payload.readUInt16BE(at);
    const value = payload.readUInt32BE(at + 2);
    if (id === 0x2 && value !== 0) violations.push("§6.5.2: a server's ENABLE_PUSH is 0");
    if (id === 0x4 && value >= 2 ** 31) violations.push("§6.5.2: INITIAL_WINDOW_SIZE is below 2^31");
    if (id === 0x5 && (value < 2 ** 14 || value >= 2 ** 24)) violations.push("§6.5.2: MAX_FRAME_SIZE is out of range");
  }
  return violations;
}

/** §8.1: interim responses, the head of the response, its content, trailers; then nothing. */
interface StreamProgress {
  stage: "head" | "content" | "ended" | "reset";
}

function advance(progress: StreamProgress, frame: ReceivedFrame): string[] {
  const { type } = frame;
  const violations: string[] = [];
  if (progress.stage === "reset" && type !== "PRIORITY") violations.push("§5.4.2: RST_STREAM is the last frame");
  if (progress.stage === "ended" && (type === "HEADERS" || type === "DATA")) {
    violations.push("§5.1: nothing follows END_STREAM");
  }
  if (type === "RST_STREAM") progress.stage = "reset";
  if (type === "DATA" && progress.stage === "head") violations.push("§8.1: a response begins with HEADERS");
  if (type === "HEADERS" && frame.fields !== undefined) {
    const isTrailers = progress.stage === "content";
    if (isTrailers && !has(frame, "END_STREAM")) violations.push("§8.1: trailers end the stream");
    violations.push(...fieldComplaints(frame.fields, isTrailers));
    const status = frame.fields.find(([name]) => name === ":status")?.[1] ?? "";
    if (progress.stage === "head" && !status.startsWith("1")) progress.stage = "content";
  }
  if ((type === "DATA" || type === "HEADERS") && has(frame, "END_STREAM") && progress.stage !== "reset") {
    progress.stage = "ended";
  }
  return violations;
}

function fieldComplaints(fields: readonly (readonly [string, string])[], isTrailers: boolean): string[] {
  const violations: string[] = [];
  const pseudo = fields.filter(([name]) => name.startsWith(":"));
  if (isTrailers && pseudo.length > 0) violations.push("§8.1: trailers have no pseudo-header fields");
  if (!isTrailers && (pseudo.length !== 1 || !/^[1-5]\d\d$/.test(statusOf(fields)))) {
    violations.push("§8.3.2: a response has one :status, first");
  }
  for (const [name, value] of fields) {
    if (!/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name))
      violations.push(`§8.2.1: ${JSON.stringify(name)} is no field name`);
    if (/[\0\r\n]|^[ \t]|[ \t]$/.test(value)) violations.push(`§8.2.1: ${JSON.stringify(value)} is no field value`);
    if (connectionFields.has(name)) violations.push(`§8.2.2: ${name} is about a connection of HTTP/1.1`);
  }
  return violations;
}

function statusOf(fields: readonly (readonly [string, string])[]): string {
  const first = fields[0];
  return first?.[0] === ":status" ? first[1] : "";
}

const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
