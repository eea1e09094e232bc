import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { data, goaway, rstStream } from "../../testing/raw-http2/frames.ts";
import { served } from "./reactions.ts";
import type { Requirement } from "./requirement.ts";
import { open, request, unary, wait } from "./texts.ts";

/** RFC 9113 §7. */
export const errorCodes: readonly Requirement[] = [
  {
    section: "7",
    sentence: "Unknown or unsupported error codes MUST NOT trigger any special behavior",
    cases: [
      {
        sent: "RST_STREAM with 0xff",
        send: [unary(1, wait), rstStream(1, 0xff), unary(3, "a")],
        expect: served("a", 3),
      },
      {
        sent: "RST_STREAM with 2^32-1",
        send: [open(1), rstStream(1, 2 ** 32 - 1), unary(3, "a")],
        expect: served("a", 3),
      },
      {
        sent: "GOAWAY with 0xff, during a call",
        send: [open(1), request(1, "a"), goaway(0, 0xff), data(1, "", { end: true })],
        expect: async (client) => {
          await readAnswer(client, 1);
        },
      },
    ],
  },
];
