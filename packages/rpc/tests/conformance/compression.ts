import assert from "node:assert/strict";
import {
  fieldBlock,
  huffmanText,
  type Indexing,
  indexed,
  literal,
  sizeUpdate,
  text,
} from "../../testing/raw-http2/field-block.ts";
import { continuation, headers, settings } from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { all, answered, connectionError, served } from "./reactions.ts";
import type { Case, Requirement } from "./requirement.ts";
import { head, request } from "./texts.ts";

const block = fieldBlock(head());
const tableMaxBytes = 4_096;
/** An index beyond the 61 of the static table: the newest entry of the dynamic one. */
const newest = 62;
const compressionError = connectionError("COMPRESSION_ERROR");
const visible = String.fromCharCode(...Array.from({ length: 0x7e - 0x20 }, (_, index) => 0x21 + index));

/** RFC 7541 §2 and §3: tables and their indexes. */
const tables: readonly Requirement[] = [
  {
    section: "2.3.1",
    sentence: "The static table consists of a predefined static list of header fields",
    cases: [
      {
        sent: ":method POST and :scheme https by their indexes 3 and 7, :path by that of its name",
        send: [
          headers(
            1,
            Buffer.concat([
              indexed(3),
              indexed(7),
              literal("without indexing", 4, "/test.v1.Texts/Unary"),
              literal("without indexing", 1, "localhost"),
              literal("without indexing", 31, "application/grpc"),
              literal("without indexing", "te", "trailers"),
            ]),
          ),
          request(1, "a", { end: true }),
        ],
        expect: served("a"),
      },
    ],
  },
  {
    section: "2.3.2",
    sentence: "duplicate entries MUST NOT be treated as an error by a decoder",
    cases: [calls("the same field, added twice", "b", added("b"), added("b"), indexed(newest))],
  },
  {
    section: "2.3.3",
    sentence: "Indices strictly greater than the sum of the lengths of both tables MUST be treated as a decoding error",
    cases: [
      fails("62, while the dynamic table is empty", indexed(newest)),
      fails("63, while the dynamic table has one entry", added("b"), indexed(newest + 1)),
      fails("2,000", indexed(2_000)),
      fails("2^27", indexed(2 ** 27)),
      fails("62 as the index of a name", literal("without indexing", newest, "b")),
      fails("62 as the index of a name that is to be added", literal("incremental", newest, "b")),
      fails("62 as the index of a name that is never indexed", literal("never indexed", newest, "b")),
    ],
  },
  {
    section: "2.3.2",
    sentence:
      "The first and newest entry in a dynamic table is at the lowest index, and the oldest entry … at the highest index",
    cases: [
      {
        sent: "two entries, the newer one used",
        send: [...call(1, unused("z"), added("b")), ...call(3, indexed(newest))],
        expect: all(served("ab"), served("ab", 3)),
      },
      {
        sent: "two entries, the older one used",
        send: [...call(1, added("b"), unused("z")), ...call(3, indexed(newest + 1))],
        expect: all(served("ab"), served("ab", 3)),
      },
      {
        sent: "entries of earlier blocks",
        send: [
          ...call(1, added("b")),
          ...call(3, literal("incremental", "x-other", "1"), indexed(newest + 1)),
          ...call(5, indexed(newest + 1)),
        ],
        expect: all(served("ab"), served("ab", 3), served("ab", 5)),
      },
    ],
  },
  {
    section: "3.1",
    sentence:
      "A decoder MUST order header fields in the decoded header list according to their ordering in the header block",
    cases: [
      calls(
        "two fields of one name",
        "b",
        literal("without indexing", "x-test", "b"),
        literal("without indexing", "x-test", "c"),
      ),
      calls(
        "one of the table before one that is written out",
        "b",
        unused("z"),
        added("b"),
        literal("without indexing", "x-test", "c"),
      ),
    ],
  },
];

/** RFC 7541 §4: the dynamic table's size. */
const dynamicTable: readonly Requirement[] = [
  {
    section: "4.1",
    sentence: "The size of an entry is the sum of its name's length in octets, its value's length in octets, and 32",
    cases: [
      {
        sent: "two entries that fill the table to the last octet, the older one used",
        send: [...call(1, added("b"), filling(tableMaxBytes - sizeOf("b"))), ...call(3, indexed(newest + 1))],
        expect: all(served("ab"), served("ab", 3)),
      },
      {
        sent: "two entries that are one octet more, the older one used",
        send: async (client) => {
          client.write(...call(1, added("b"), filling(tableMaxBytes - sizeOf("b") + 1)));
          await served("ab")(client);
          client.write(...call(3, indexed(newest + 1)));
        },
        expect: compressionError,
      },
      {
        sent: "an entry that comes Huffman-coded counts by what it decodes to",
        send: async (client) => {
          const value = "0".repeat(tableMaxBytes - sizeOf("b") - sizeOf("") + 1);
          client.write(...call(1, added("b"), literal("incremental", "x-fill", value, { huffman: true })));
          await served("ab")(client);
          client.write(...call(3, indexed(newest + 1)));
        },
        expect: compressionError,
      },
    ],
  },
  {
    section: "4.2",
    sentence:
      "This dynamic table size update MUST occur at the beginning of the first header block following the change",
    cases: [
      { sent: "at the beginning", send: updated(1, [sizeUpdate(100)]), expect: served("a") },
      { sent: "two of them", send: updated(1, [sizeUpdate(0), sizeUpdate(tableMaxBytes)]), expect: served("a") },
      fails("at the end", sizeUpdate(100)),
      fails(
        "between two fields",
        literal("without indexing", "x-test", "b"),
        sizeUpdate(100),
        literal("without indexing", "x-c", "c"),
      ),
      {
        sent: "in CONTINUATION, after fields in HEADERS",
        send: [headers(1, block, { endHeaders: false }), continuation(1, sizeUpdate(100))],
        expect: compressionError,
      },
      {
        sent: "in CONTINUATION, at the block's beginning",
        send: [
          headers(1, "", { endHeaders: false }),
          continuation(1, Buffer.concat([sizeUpdate(100), block])),
          request(1, "a", { end: true }),
        ],
        expect: served("a"),
      },
    ],
  },
  {
    section: "4.2",
    sentence:
      "In the case that this size is changed more than once in this interval, the smallest maximum table size that occurs in " +
      "that interval MUST be signaled in a dynamic table size update [by the server's encoder]",
    cases: [
      {
        sent: "SETTINGS_HEADER_TABLE_SIZE 0, then 4,096",
        send: [settings(["HEADER_TABLE_SIZE", 0]), settings(["HEADER_TABLE_SIZE", tableMaxBytes]), ...call(1)],
        expect: async (client) => {
          const { block: answer = Buffer.of() } = await client.next("HEADERS", { stream: 1 });
          assert.deepEqual(answer.subarray(0, 1), sizeUpdate(0));
        },
      },
    ],
  },
  {
    section: "4.3",
    sentence:
      "Whenever the maximum size for the dynamic table is reduced, entries are evicted from the end of the dynamic table until " +
      "the size of the dynamic table is less than or equal to the maximum size",
    cases: [
      {
        sent: "reduced to the newer one of two entries, which is used",
        send: [...call(1, unused("c"), added("b")), ...updated(3, [sizeUpdate(sizeOf("b"))], indexed(newest))],
        expect: all(served("ab"), served("ab", 3)),
      },
      {
        sent: "the same, and the older one is used",
        send: later([unused("c"), added("b")], [sizeUpdate(sizeOf("b"))], newest + 1),
        expect: compressionError,
      },
      {
        sent: "reduced to one octet less than an entry",
        send: later([added("b")], [sizeUpdate(sizeOf("b") - 1)], newest),
        expect: compressionError,
      },
      {
        sent: "reduced to 0 and enlarged again",
        send: later([added("b")], [sizeUpdate(0), sizeUpdate(tableMaxBytes)], newest),
        expect: compressionError,
      },
      {
        sent: "reduced to 0 and enlarged again, then filled again",
        send: [
          ...call(1, added("b")),
          ...updated(3, [sizeUpdate(0), sizeUpdate(tableMaxBytes)], added("c"), indexed(newest)),
        ],
        expect: all(served("ab"), served("ac", 3)),
      },
    ],
  },
  {
    section: "4.4",
    sentence:
      "It is not an error to attempt to add an entry that is larger than the maximum size; [it] causes the table to be emptied of all existing entries",
    cases: [
      {
        sent: "an entry of 4,097 octets",
        send: call(1, added("b"), filling(tableMaxBytes + 1)),
        expect: served("ab"),
      },
      {
        sent: "the entry before it",
        send: later([added("b"), filling(tableMaxBytes + 1)], [], newest),
        expect: compressionError,
      },
      {
        sent: "an entry into a table of size 0",
        send: updated(1, [sizeUpdate(0)], added("b")),
        expect: served("ab"),
      },
    ],
  },
  {
    section: "4.4",
    sentence:
      "A new entry can reference the name of an entry in the dynamic table that will be evicted when adding this new entry. … " +
      "Implementations are cautioned to avoid deleting the referenced name",
    cases: [
      {
        sent: "an entry whose name is that of the one which it drives out",
        send: [
          ...call(1, added("b")),
          ...updated(3, [sizeUpdate(sizeOf("b"))], literal("incremental", newest, "c"), indexed(newest)),
        ],
        expect: all(served("ab"), served("ac", 3)),
      },
    ],
  },
];

/** RFC 7541 §5: integers and texts. */
const primitives: readonly Requirement[] = [
  {
    section: "5.1",
    sentence:
      "Integer encodings that exceed implementation limits -- in value or octet length -- MUST be treated as decoding errors",
    cases: [
      fails("an index of ten octets", Buffer.from("ffffffffffffffffff7f", "hex")),
      fails(
        "an index that is 62 modulo 2^32",
        literal("incremental", "x-test", "b"),
        Buffer.from("ffbfffffff0f", "hex"),
      ),
      fails(
        "a length of 2^32 + 1",
        Buffer.concat([Buffer.from("00", "hex"), text("x-test"), Buffer.from("7f82ffffff0f62", "hex")]),
      ),
    ],
  },
  {
    section: "5.1",
    sentence:
      "If the integer value is small enough, i.e., strictly less than 2^N-1, it is encoded within the N-bit prefix. Otherwise, … using a list of one or more octets",
    cases: [
      fails("an integer whose last octet is missing", Buffer.from("ff80", "hex")),
      fails("an integer of which there is the prefix alone", Buffer.from("ff", "hex")),
      ...[126, 127, 128, 254, 255, 300].map((length) =>
        calls(
          `a value of ${length} octets`,
          "x".repeat(length),
          literal("without indexing", "x-test", "x".repeat(length)),
        ),
      ),
    ],
  },
  {
    section: "5.2",
    sentence:
      "A string literal is encoded as a sequence of octets, either by directly encoding the string literal's octets or by using a Huffman code",
    cases: [
      fails(
        "a value that is longer than the block",
        Buffer.concat([Buffer.of(0), text("x-test"), Buffer.from("0561", "hex")]),
      ),
      fails("a name that is longer than the block", Buffer.from("00057879", "hex")),
      fails("a name without a value", Buffer.concat([Buffer.of(0), text("x-test")])),
      fails("a literal without a name", Buffer.of(0)),
      calls(
        "all visible characters, Huffman-coded",
        visible,
        literal("without indexing", "x-test", visible, { huffman: true }),
      ),
      calls("the vector of RFC 7541 C.4.1, as a value", "www.example.com", coded("f1e3c2e5f23a6ba0ab90f4ff")),
      calls("an empty value, Huffman-coded", "", coded("")),
    ],
  },
  {
    section: "5.2",
    sentence: "A padding strictly longer than 7 bits MUST be treated as a decoding error",
    cases: [
      huffmanFails("a whole octet of padding", "ff"),
      huffmanFails('an octet of padding after "a"', "1fff"),
      huffmanFails("two octets of padding", "ffff"),
    ],
  },
  {
    section: "5.2",
    sentence:
      "A padding not corresponding to the most significant bits of the code for the EOS symbol MUST be treated as a decoding error",
    cases: [huffmanFails("padding of zeros", "18"), huffmanFails("padding of ones and a zero", "1e")],
  },
  {
    section: "5.2",
    sentence: "A Huffman-encoded string literal containing the EOS symbol MUST be treated as a decoding error",
    cases: [
      huffmanFails("EOS alone", "ffffffff"),
      huffmanFails('EOS after "a"', "1fffffffff"),
      huffmanFails('EOS before "a"', "fffffffc7f"),
    ],
  },
];

/** RFC 7541 §6: representations of fields. */
const representations: readonly Requirement[] = [
  {
    section: "6.1",
    sentence: "The index value of 0 is not used. It MUST be treated as a decoding error",
    cases: [fails("index 0", indexed(0))],
  },
  {
    section: "6.2.1",
    sentence:
      "A literal header field with incremental indexing representation results in appending a header field to the decoded header list and inserting it as a new entry",
    cases: [
      ...writings("incremental"),
      {
        sent: "and the entry is used by the next call",
        send: [...call(1, added("b")), ...call(3, indexed(newest))],
        expect: all(served("ab"), served("ab", 3)),
      },
    ],
  },
  {
    section: "6.2.2",
    sentence:
      "A literal header field without indexing representation results in appending a header field … without altering the dynamic table",
    cases: [
      ...writings("without indexing"),
      {
        sent: "and index 62 in the next call",
        send: later([literal("without indexing", "x-test", "b")], [], newest),
        expect: compressionError,
      },
    ],
  },
  {
    section: "6.2.3",
    sentence:
      "A literal header field never-indexed representation results in appending a header field … without altering the dynamic table",
    cases: [
      ...writings("never indexed"),
      {
        sent: "and index 62 in the next call",
        send: later([literal("never indexed", "x-test", "b")], [], newest),
        expect: compressionError,
      },
    ],
  },
  {
    section: "6.3",
    sentence:
      "The new maximum size MUST be lower than or equal to the limit determined by the protocol using HPACK. A value that " +
      "exceeds this limit MUST be treated as a decoding error",
    cases: [
      { sent: "4,096", send: updated(1, [sizeUpdate(tableMaxBytes)]), expect: served("a") },
      { sent: "4,097", send: updated(1, [sizeUpdate(tableMaxBytes + 1)]), expect: compressionError },
      { sent: "2^27", send: updated(1, [sizeUpdate(2 ** 27)]), expect: compressionError },
    ],
  },
];

/** RFC 7541, as far as a server decodes what a client encodes. */
export const compression: readonly Requirement[] = [...tables, ...dynamicTable, ...primitives, ...representations];

/** A call of Unary with "a" and more fields; its answer is "a" and the value of the first field `x-test`. */
function call(stream: number, ...more: readonly Buffer[]): Buffer[] {
  return updated(stream, [], ...more);
}

/** The same, with updates of the table's size in front. */
function updated(stream: number, updates: readonly Buffer[], ...more: readonly Buffer[]): Buffer[] {
  return [headers(stream, Buffer.concat([...updates, block, ...more])), request(stream, "a", { end: true })];
}

/** A call on stream 1 that is answered, then one with an index. */
function later(first: readonly Buffer[], updates: readonly Buffer[], index: number) {
  return async (client: RawHttp2Client) => {
    client.write(...call(1, ...first));
    await answered()(client);
    client.write(...updated(3, updates, indexed(index)));
  };
}

/** @param value what the server reads in the first field `x-test` */
function calls(sent: string, value: string, ...more: readonly Buffer[]): Case {
  return { sent, send: call(1, ...more), expect: served(`a${value}`) };
}

function fails(sent: string, ...more: readonly Buffer[]): Case {
  return { sent, send: call(1, ...more), expect: compressionError };
}

function huffmanFails(sent: string, hex: string): Case {
  return fails(sent, coded(hex));
}

/** The field `x-test` with a Huffman-coded value. */
function coded(hex: string): Buffer {
  return Buffer.concat([
    literal("without indexing", "x-test", "").subarray(0, -1),
    huffmanText(Buffer.from(hex, "hex")),
  ]);
}

/** A literal with a new name or an old one, plain or coded. */
function writings(indexing: Indexing): Case[] {
  return [false, true].flatMap((huffman) => {
    const how = huffman ? ", Huffman-coded" : "";
    return [
      calls(`a new name${how}`, "b", literal(indexing, "x-test", "b", { huffman })),
      {
        sent: `the name of an entry${how}`,
        send: [...call(1, added("z")), ...call(3, literal(indexing, newest, "b", { huffman }))],
        expect: all(served("az"), served("ab", 3)),
      },
    ];
  });
}

/** An entry whose value the server tells. */
function added(value: string): Buffer {
  return literal("incremental", "x-test", value);
}

/** An entry that nobody asks for. */
function unused(value: string): Buffer {
  return literal("incremental", "x-unused", value);
}

/** An entry of so many octets, as the table counts them. */
function filling(size: number): Buffer {
  return literal("incremental", "x-fill", "x".repeat(size - sizeOf("")));
}

/** What `added(value)` takes of the table. */
function sizeOf(value: string): number {
  return "x-test".length + value.length + 32;
}
