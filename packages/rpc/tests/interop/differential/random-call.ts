import fc from "fast-check";
import { bug, comeLater, keys } from "./scripted-service.ts";

/** What the service is to do on a request; written so that a counterexample can be read. */
export interface Script {
  /** Hex, repeated to that many bytes. */
  readonly body: { readonly of: string; readonly bytes: number };
  readonly responses: readonly { readonly bytes: number; readonly isCompressed: boolean }[];
  readonly status?: { readonly code: number; readonly message: string };
  /** After its responses it waits until the call is over. */
  readonly waits?: boolean;
}

export interface RandomCall {
  readonly kind: Kind;
  /** Of the method; not always one that exists. */
  readonly name: string;
  readonly requests: readonly RandomRequest[];
  /** Values of `-bin` keys are hex. */
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** How much of the requests is written at once. */
  readonly pieceBytes: number;
  /** What ends the call: its handler, the server before a handler has a say, its deadline, or the caller. */
  readonly endedBy: "handler" | "server" | "deadline" | "caller";
}

export interface RandomRequest {
  /** Hex is sent in the place of a script, and mostly no protobuf message. */
  readonly content: Script | string;
  readonly isCompressed: boolean;
}

type Kind = "unary" | "download" | "upload" | "chat";

/** Of the servers; beyond it lie the requests that are too large, not those that are merely large. */
export const messageMaxBytes = 1_310_720;

const hex = (limits: { minLength?: number; maxLength: number }) =>
  fc.uint8Array(limits).map((bytes) => Buffer.from(bytes).toString("hex"));

// Most are small, as most messages are; the rest are there for windows, frames and buffers.
const size = fc.oneof(
  { arbitrary: fc.nat(300), weight: 20 },
  { arbitrary: fc.integer({ min: 16_000, max: 17_000 }), weight: 2 },
  { arbitrary: fc.integer({ min: 65_000, max: 66_000 }), weight: 2 },
  { arbitrary: fc.nat(1_048_576), weight: 1 },
);
const bodyOf = (bytes: fc.Arbitrary<number>) => fc.record({ of: hex({ minLength: 1, maxLength: 40 }), bytes });
const response = fc.record({ bytes: size, isCompressed: fc.boolean() });
const status = fc.record({
  code: fc.oneof(fc.integer({ min: 0, max: 16 }), fc.constantFrom(bug, comeLater)),
  message: fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ unit: "grapheme", maxLength: 400 })),
});
const script = fc.record(
  { body: bodyOf(size), responses: fc.array(response, { maxLength: 4 }), status },
  { requiredKeys: ["body", "responses"] },
);
const requestOf = (content: fc.Arbitrary<Script | string>) => fc.record({ content, isCompressed: fc.boolean() });
const request = requestOf(
  fc.oneof<fc.MaybeWeightedArbitrary<Script | string>[]>(
    { arbitrary: script, weight: 8 },
    { arbitrary: hex({ maxLength: 30 }), weight: 1 },
  ),
);

const metadata = fc
  .tuple(
    // One value a key: Node, below grpc-js, joins those of a key that comes twice, as HTTP lets it.
    fc.uniqueArray(fc.tuple(fc.constantFrom(...keys.text), printable()), { selector: ([key]) => key }),
    fc.array(fc.tuple(fc.constantFrom(...keys.binary), hex({ maxLength: 60 })), { maxLength: 3 }),
  )
  .map(([texts, binaries]) => [...texts, ...binaries]);

/** ASCII without a space at either end, which HTTP/2 does not allow: RFC 9113 §8.2.1. */
function printable(): fc.Arbitrary<string> {
  return fc.string({ unit: "grapheme-ascii", maxLength: 40 }).map((text) => text.trim());
}

const one = { minLength: 1, maxLength: 1 };
const shape = fc.oneof(
  fc.record({ kind: fc.constantFrom<Kind>("unary", "download"), requests: fc.array(request, one) }),
  fc.record({ kind: fc.constantFrom<Kind>("upload", "chat"), requests: fc.array(request, { maxLength: 4 }) }),
);
const transport = fc.record({
  metadata,
  pieceBytes: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(1_000_000)),
});

const names: Readonly<Record<Kind, string>> = { unary: "Unary", download: "Download", upload: "Upload", chat: "Chat" };
const call = (endedBy: RandomCall["endedBy"], shapes: fc.Arbitrary<Pick<RandomCall, "kind" | "requests">>) =>
  fc.tuple(shapes, transport).map(([{ kind, requests }, rest]): RandomCall => {
    return { kind, name: names[kind], requests, ...rest, endedBy };
  });

const kinds = fc.constantFrom<Kind>("unary", "download", "upload", "chat");
const waiting = fc.array(
  requestOf(fc.record({ body: bodyOf(fc.nat(300)), responses: fc.array(response, one), waits: fc.constant(true) })),
  one,
);
const tooLarge = fc.array(
  requestOf(
    fc.record({
      body: bodyOf(fc.integer({ min: messageMaxBytes, max: messageMaxBytes + 200_000 })),
      responses: fc.constant([]),
    }),
  ),
  one,
);
const unknownNames = fc.constantFrom("Nothing", "unary", "Unary/", "", "Unary?x=1");

export const randomCall: fc.Arbitrary<RandomCall> = fc.oneof(
  { arbitrary: call("handler", shape), weight: 20 },
  { arbitrary: call("deadline", fc.record({ kind: kinds, requests: waiting })), weight: 1 },
  {
    arbitrary: call("caller", fc.record({ kind: fc.constantFrom<Kind>("download", "chat"), requests: waiting })),
    weight: 1,
  },
  { arbitrary: call("server", fc.record({ kind: kinds, requests: tooLarge })), weight: 1 },
  {
    arbitrary: fc.tuple(call("server", shape), unknownNames).map(([known, name]) => ({ ...known, name })),
    weight: 1,
  },
);

export function isKnown({ kind, name }: RandomCall): boolean {
  return names[kind] === name;
}
