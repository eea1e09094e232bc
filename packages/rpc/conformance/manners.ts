import { errorCodeOf, has, type ReceivedFrame } from "../testing/raw-http2/received-frame.ts";

/**
 * What is wrong in itself with what a server sent on one connection, whatever was sent to it. Flow control is not
 * looked at here: it depends on the client's windows.
 * @returns sentences, none for a server that keeps the rules
 */
export function complaintsOf(frames: readonly ReceivedFrame[]): string[] {
  const complaints: string[] = [];
  const streams = new Map<number, StreamProgress>();
  let lastStream = Number.POSITIVE_INFINITY;
  let block: ReceivedFrame | undefined;
  for (const [index, frame] of frames.entries()) {
    const { type, stream, payload, flags } = frame;
    const complain = (what: string) => complaints.push(`frame ${index}, ${type} on stream ${stream}: ${what}`);
    if (index === 0 && (type !== "SETTINGS" || has(frame, "ACK"))) complain("§3.4: SETTINGS are the first frame");
    if (frame.reserved) complain("§4.1: the reserved bit is left unset");
    if (payload.length > 16_384) complain("§4.2: a frame is not larger than the receiver's SETTINGS_MAX_FRAME_SIZE");
    if (type === "unknown" || type === "PUSH_PROMISE") {
      complain("§5.5 and §8.4: nobody asked for it");
      continue;
    }
    if (flags & ~usedFlags[type]) complain("§4.1: flags without a meaning are left unset");
    if (connectionTypes.has(type) && stream !== 0) complain("§6: it belongs to the connection");
    if (streamTypes.has(type) && (stream === 0 || stream % 2 === 0)) complain("§6: it belongs to a client's stream");
    if (block !== undefined && (type !== "CONTINUATION" || stream !== block.stream)) {
      complain("§4.3: nothing comes between the frames of a field block");
    }
    if (type === "HEADERS" || type === "CONTINUATION") block = has(frame, "END_HEADERS") ? undefined : frame;
    if (type === "GOAWAY") {
      const last = payload.readUInt32BE(0);
      if (last > lastStream) complain("§6.8: the last stream identifier is never increased");
      lastStream = last;
    }
    for (const what of contentComplaints(frame)) complain(what);
    if (stream !== 0) {
      const progress = streams.get(stream) ?? { stage: "head" };
      streams.set(stream, progress);
      for (const what of advance(progress, frame)) complain(what);
    }
  }
  return complaints;
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
  const complaints: string[] = [];
  if (payload.length % 6 !== 0) return ["§6.5: a setting has 6 octets"];
  if (has(frame, "ACK") && payload.length > 0) complaints.push("§6.5: an acknowledgment is empty");
  for (let at = 0; at < payload.length; at += 6) {
    const id = payload.readUInt16BE(at);
    const value = payload.readUInt32BE(at + 2);
    if (id === 0x2 && value !== 0) complaints.push("§6.5.2: a server's ENABLE_PUSH is 0");
    if (id === 0x4 && value >= 2 ** 31) complaints.push("§6.5.2: INITIAL_WINDOW_SIZE is below 2^31");
    if (id === 0x5 && (value < 2 ** 14 || value >= 2 ** 24)) complaints.push("§6.5.2: MAX_FRAME_SIZE is out of range");
  }
  return complaints;
}

/** §8.1: interim responses, the head of the response, its content, trailers; then nothing. */
interface StreamProgress {
  stage: "head" | "content" | "ended" | "reset";
}

function advance(progress: StreamProgress, frame: ReceivedFrame): string[] {
  const { type } = frame;
  const complaints: string[] = [];
  if (progress.stage === "reset" && type !== "PRIORITY") complaints.push("§5.4.2: RST_STREAM is the last frame");
  if (progress.stage === "ended" && (type === "HEADERS" || type === "DATA")) {
    complaints.push("§5.1: nothing follows END_STREAM");
  }
  if (type === "RST_STREAM") progress.stage = "reset";
  if (type === "DATA" && progress.stage === "head") complaints.push("§8.1: a response begins with HEADERS");
  if (type === "HEADERS" && frame.fields !== undefined) {
    const isTrailers = progress.stage === "content";
    if (isTrailers && !has(frame, "END_STREAM")) complaints.push("§8.1: trailers end the stream");
    complaints.push(...fieldComplaints(frame.fields, isTrailers));
    const status = frame.fields.find(([name]) => name === ":status")?.[1] ?? "";
    if (progress.stage === "head" && !status.startsWith("1")) progress.stage = "content";
  }
  if ((type === "DATA" || type === "HEADERS") && has(frame, "END_STREAM") && progress.stage !== "reset") {
    progress.stage = "ended";
  }
  return complaints;
}

function fieldComplaints(fields: readonly (readonly [string, string])[], isTrailers: boolean): string[] {
  const complaints: string[] = [];
  const pseudo = fields.filter(([name]) => name.startsWith(":"));
  if (isTrailers && pseudo.length > 0) complaints.push("§8.1: trailers have no pseudo-header fields");
  if (!isTrailers && (pseudo.length !== 1 || !/^[1-5]\d\d$/.test(statusOf(fields)))) {
    complaints.push("§8.3.2: a response has one :status, first");
  }
  for (const [name, value] of fields) {
    if (!/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name))
      complaints.push(`§8.2.1: ${JSON.stringify(name)} is no field name`);
    if (/[\0\r\n]|^[ \t]|[ \t]$/.test(value)) complaints.push(`§8.2.1: ${JSON.stringify(value)} is no field value`);
    if (connectionFields.has(name)) complaints.push(`§8.2.2: ${name} is about a connection of HTTP/1.1`);
  }
  return complaints;
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
