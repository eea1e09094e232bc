import assert from "node:assert/strict";
import { once } from "node:events";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { createConnection } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { credentials, Metadata, status } from "@grpc/grpc-js";
import { systemClock } from "@realchat/presence-runtime/clock";
import { resetConnection, waitUntil } from "@realchat/presence-testing";
import type { RpcServer, RpcServerOptions } from "../server.ts";
import type { CallContext, CallObserver, ResponseStream } from "../service.ts";
import { type RpcCode, RpcError } from "../status.ts";
import { issueCertificates } from "../testing/certificates.ts";
import { finishRawCall, framed, openRawCall, openRawConnection } from "../testing/raw-call.ts";
import { errorOf, pathOf, serveTexts, statusOf, type Text, TextClient, text } from "../testing/text-service.ts";

/** What every engine behind RpcServer promises. */
export function rpcServerContract(create: (options: RpcServerOptions) => RpcServer): void {
  test("a unary handler answers by a value or by a promise", async (t) => {
    const { client } = await serveTexts(t, create, {
      unary: ({ service }) => (service === "later" ? Promise.resolve(text("promised")) : text(`${service}!`)),
    });
    assert.equal(await client.unary("now"), "now!");
    assert.equal(await client.unary("later"), "promised");
    assert.equal(await client.unary("Zoë 🟢"), "Zoë 🟢!");
  });

  test("an empty request is a request", async (t) => {
    const { client } = await serveTexts(t, create, { unary: ({ service }) => text(`[${service}]`) });
    assert.equal(await client.unary(""), "[]");
  });

  test("a server-streaming handler's responses arrive in order", async (t) => {
    const { client } = await serveTexts(t, create, {
      download: async ({ service }, responses) => {
        for (let index = 0; index < 3; index++) responses.write(text(`${service}${index}`));
      },
    });
    assert.deepEqual(await collect(client.download("x")), ["x0", "x1", "x2"]);
  });

  test("a client-streaming handler sees all requests and their end", async (t) => {
    const { client } = await serveTexts(t, create, {
      upload: async (requests) => text((await collect(requests)).join("+")),
    });
    const { requests, response } = client.upload();
    for (const word of ["a", "b", "c"]) requests.write(text(word));
    requests.end();
    assert.equal(await response, "a+b+c");
  });

  test("a client-streaming handler may answer before the requests end", async (t) => {
    const { client } = await serveTexts(t, create, {
      upload: async (requests) => {
        for await (const { service } of requests) return text(`first: ${service}`);
        return text("none");
      },
    });
    const { requests, response } = client.upload();
    requests.write(text("a"));
    assert.equal(await response, "first: a");
  });

  test("a bidirectional handler converses", async (t) => {
    const { client } = await serveTexts(t, create, {
      chat: async (requests, responses) => {
        for await (const { service } of requests) responses.write(text(service.toUpperCase()));
      },
    });
    const chat = client.chat();
    const replies = chat[Symbol.asyncIterator]();
    chat.write(text("a"));
    assert.equal((await replies.next()).value.service, "A");
    chat.write(text("b"));
    assert.equal((await replies.next()).value.service, "B");
    chat.end();
    assert.equal((await replies.next()).done, true);
  });

  test("the call knows its method, its metadata and its caller's connection", async (t) => {
    const calls: CallContext[] = [];
    const unary = ({ service }: Text, call: CallContext) => {
      calls.push(call);
      return text(service);
    };
    const { client, port } = await serveTexts(t, create, { unary });
    const metadata = new Metadata();
    metadata.set("x-tenant", "blue");
    await client.unary("", {}, metadata);
    await client.unary("");
    const other = new TextClient(port, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    t.after(() => other.close());
    await other.unary("");

    const [first, second, third] = calls;
    assert.equal(first?.method, "test.v1.Texts/Unary");
    assert.equal(first?.metadata("x-tenant"), "blue");
    assert.equal(second?.metadata("x-tenant"), undefined);
    assert.match(first?.peer ?? "", /^127\.0\.0\.1:\d+$/);
    assert.equal(second?.peer, first?.peer);
    assert.notEqual(third?.peer, first?.peer);
    assert.equal(second?.connection, first?.connection);
    assert.notEqual(third?.connection, first?.connection);
  });

  test("a slow reader holds up its handler, and gets everything in the end", async (t) => {
    const message = "x".repeat(10_000);
    let written = 0;
    let paused = false;
    const { client } = await serveTexts(t, create, {
      download: async (_request, responses) => {
        for (; written < 500; written++) {
          if (responses.write(text(message))) continue;
          paused = true;
          await responses.drained();
        }
      },
    });
    const download = client.download("");
    await once(download, "metadata");
    await waitUntil(() => paused, { what: "the handler is told to wait" });
    await errorOf(client.unary("any answer shows that the server has done what it could"));
    assert.ok(written < 100, `${written} messages of 10 kB were written to a reader that does not read`);
    assert.equal((await collect(download)).length, 500);
  });

  test("a caller that cancels aborts the signal and ends the wait for a slow reader", async (t) => {
    const ended = Promise.withResolvers<CallContext>();
    const { client } = await serveTexts(t, create, {
      download: async (_request, responses, call) => {
        while (!call.signal.aborted) if (!responses.write(text("x".repeat(10_000)))) await responses.drained();
        ended.resolve(call);
      },
    });
    const download = client.download("");
    const end = statusOf(download);
    await once(download, "metadata");
    download.cancel();
    assert.equal((await end).code, status.CANCELLED);
    assert.equal((await ended.promise).signal.reason.code, "CANCELLED");
  });

  test("a signal that is asked for after the cancellation is aborted already", async (t) => {
    const began = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<boolean>();
    const { client } = await serveTexts(
      t,
      create,
      {
        download: async (_request, _responses, call) => {
          began.resolve();
          await cancelled.promise;
          seen.resolve(call.signal.aborted);
        },
      },
      { observer: { finished: () => cancelled.resolve() } },
    );
    const download = client.download("");
    const end = statusOf(download);
    await began.promise;
    download.cancel();
    assert.equal(await seen.promise, true);
    await end;
  });

  test("the signal of a call that its handler ended is not aborted, whenever it is asked for", async (t) => {
    const calls: CallContext[] = [];
    const signals: AbortSignal[] = [];
    const { client } = await serveTexts(t, create, {
      unary: ({ service }, call) => {
        calls.push(call);
        if (service === "asks") signals.push(call.signal);
        if (service === "fails") throw new RpcError("NOT_FOUND", "not here");
        return text(service);
      },
    });
    await client.unary("asks");
    await client.unary("");
    await errorOf(client.unary("fails"));
    signals.push(...calls.map((call) => call.signal));
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false, false, false, false],
    );
  });

  test("requests that break off never pass for all of them", async (t) => {
    const ends: unknown[] = [];
    let came = 0;
    const { port } = await serveTexts(t, create, {
      upload: async (requests) => {
        try {
          for await (const _ of requests) came++;
          ends.push("all");
        } catch (error) {
          ends.push(error);
        }
        return text("");
      },
    });
    const cutOff = [
      // A client's own cancel() will not do: Node's HTTP/2 ends the requests before it resets the stream.
      (_connection: ClientHttp2Session, call: ClientHttp2Stream) => call.destroy(new Error("reset")),
      (connection: ClientHttp2Session) => connection.destroy(),
    ];
    for (const [index, cut] of cutOff.entries()) {
      const connection = openRawConnection(t, port);
      const call = openRawCall(connection, pathOf("Upload"));
      call.write(framed(Buffer.alloc(0)));
      await waitUntil(() => came === index + 1, { what: "the first request is read" });
      cut(connection, call);
      await waitUntil(() => ends.length === index + 1, { what: "the handler's iteration ends" });
    }
    assert.deepEqual(
      ends.map((end) => end instanceof RpcError && end.code),
      ["CANCELLED", "CANCELLED"],
    );
  });

  test("a handler that was busy while its call was cut off finds no more requests, and does not wait for any", async (t) => {
    const began = Promise.withResolvers<AbortSignal>();
    const ended = Promise.withResolvers<unknown>();
    const { port } = await serveTexts(t, create, {
      upload: async (requests, { signal }) => {
        began.resolve(signal);
        await aborted(signal);
        await collect(requests).catch(ended.resolve);
        return text("");
      },
    });
    const connection = openRawConnection(t, port);
    openRawCall(connection, pathOf("Upload")).write(framed(Buffer.alloc(0)));
    await began.promise;
    connection.destroy();
    assert.ok((await ended.promise) instanceof RpcError);
  });

  test("a deadline that passes ends the call, also for a caller that keeps waiting", async (t) => {
    const { observer, finished } = recorder();
    const reasons: unknown[] = [];
    const waitForever = async (_request: unknown, { signal }: CallContext) => {
      await aborted(signal);
      reasons.push(signal.reason.code);
      return text("");
    };
    const { port } = await serveTexts(t, create, { unary: waitForever, upload: waitForever }, { observer });
    const connection = openRawConnection(t, port);
    const unary = openRawCall(connection, pathOf("Unary"), { "grpc-timeout": "30m" });
    assert.equal((await finishRawCall(unary, framed(Buffer.alloc(0)))).status, status.DEADLINE_EXCEEDED);
    const upload = openRawCall(connection, pathOf("Upload"), { "grpc-timeout": "30m" });
    upload.write(framed(Buffer.alloc(0)));
    await waitUntil(() => reasons.length === 2, { what: "both handlers hear of the deadline" });
    assert.deepEqual(reasons, ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
    await waitUntil(() => finished.length === 2, { what: "both calls are over" });
    assert.deepEqual(finished, [
      ["test.v1.Texts/Unary", "DEADLINE_EXCEEDED"],
      ["test.v1.Texts/Upload", "DEADLINE_EXCEEDED"],
    ]);
  });

  test("the observer knows a deadline from other ends even by a wall clock that is wrong", async (t) => {
    const { observer, finished } = recorder();
    const clock = { ...systemClock, nowUs: () => 0 };
    const unary = async (request: Text, { signal }: CallContext) => {
      await aborted(signal);
      return request;
    };
    const { port } = await serveTexts(t, create, { unary }, { observer, clock });
    const call = openRawCall(openRawConnection(t, port), pathOf("Unary"), { "grpc-timeout": "30m" });
    await finishRawCall(call, framed(Buffer.alloc(0)));
    await waitUntil(() => finished.length === 1, { what: "the call is over" });
    assert.deepEqual(finished, [["test.v1.Texts/Unary", "DEADLINE_EXCEEDED"]]);
  });

  test("a caller whose own deadline passes ends the call on both sides", async (t) => {
    const ended = Promise.withResolvers<void>();
    const { client } = await serveTexts(t, create, {
      unary: async (request, { signal }) => {
        await aborted(signal);
        ended.resolve();
        return request;
      },
    });
    // A call that is given up before it is sent reaches no handler.
    await new Promise<void>((resolve, reject) =>
      client.waitForReady(inMs(30_000), (error) => (error ? reject(error) : resolve())),
    );
    assert.equal((await errorOf(client.unary("", { deadline: inMs(1_000) }))).code, status.DEADLINE_EXCEEDED);
    await ended.promise;
  });

  test("a connection that breaks aborts the signals of its calls", async (t) => {
    const began = Promise.withResolvers<AbortSignal>();
    const { port } = await serveTexts(t, create, {
      download: async (_request, _responses, { signal }) => {
        began.resolve(signal);
        await aborted(signal);
      },
    });
    const connection = openRawConnection(t, port);
    openRawCall(connection, pathOf("Download")).end(framed(Buffer.alloc(0)));
    const signal = await began.promise;
    assert.equal(signal.aborted, false);
    connection.destroy();
    await aborted(signal);
    assert.equal(signal.reason.code, "CANCELLED");
  });

  test("writing to a call that is over does nothing and waits for nothing", async (t) => {
    let kept: ResponseStream<Text> | undefined;
    const { client } = await serveTexts(t, create, {
      download: async (_request, responses) => {
        kept = responses;
      },
    });
    await collect(client.download(""));
    assert.equal(kept?.write(text("late")), false);
    await kept?.drained();
  });

  test("an RpcError reaches the caller with its code, its message, its details and the advice when to try again", async (t) => {
    const { client } = await serveTexts(t, create, {
      unary: async () => {
        throw new RpcError("UNAVAILABLE", "the store hangs: 100 % — try again", {
          ...{ retryAfterMs: 1500.2, details: Buffer.from([0x08, 0x0e, 0xff]) },
        });
      },
      download: async (_request, responses) => {
        responses.write(text("one"));
        throw new RpcError("RESOURCE_EXHAUSTED", "enough");
      },
    });
    const error = await errorOf(client.unary(""));
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(error.details, "the store hangs: 100 % — try again");
    assert.deepEqual(error.metadata.get("grpc-retry-pushback-ms"), ["1501"]);
    assert.deepEqual(error.metadata.get("grpc-status-details-bin"), [Buffer.from([0x08, 0x0e, 0xff])]);

    const download = client.download("");
    const end = statusOf(download);
    download.resume();
    assert.deepEqual([(await end).code, (await end).details], [status.RESOURCE_EXHAUSTED, "enough"]);
    assert.deepEqual((await end).metadata.get("grpc-retry-pushback-ms"), []);
  });

  test("an RpcError's message may be anything", async (t) => {
    const { client } = await serveTexts(t, create, {
      unary: ({ service }) => {
        throw new RpcError("NOT_FOUND", service === "long" ? "é".repeat(100_000) : "half an emoji: \ud83d\n");
      },
    });
    assert.equal((await errorOf(client.unary("short"))).details, "half an emoji: \ufffd\n");
    const { code, details } = await errorOf(client.unary("long"));
    assert.equal(code, status.NOT_FOUND);
    assert.match(details, /^é{500,}$/);
  });

  test("whatever else a handler throws stays inside: INTERNAL for the caller, the error for the log", async (t) => {
    const secret = new Error("password=hunter2");
    const told: unknown[] = [];
    const { client } = await serveTexts(
      t,
      create,
      {
        unary: ({ service }) => {
          if (service === "throws") throw secret;
          if (service === "rejects") return Promise.reject(secret);
          if (service === "throws a string") throw "hunter2";
          return Promise.reject(Object.assign(new Error("hunter2"), { name: "RpcError", code: "NOT_FOUND" }));
        },
        download: () => Promise.reject(secret),
      },
      { onInternalError: (method, error) => told.push([method, error]) },
    );
    for (const request of ["throws", "rejects", "throws a string", "imitates"]) {
      const { code, message } = await errorOf(client.unary(request));
      assert.equal(code, status.INTERNAL);
      assert.doesNotMatch(message, /hunter2/);
    }
    assert.equal((await statusOf(client.download("").resume())).code, status.INTERNAL);
    assert.equal(told.length, 5);
    assert.deepEqual(told[0], ["test.v1.Texts/Unary", secret]);
    assert.deepEqual(told[4], ["test.v1.Texts/Download", secret]);
  });

  test("a response that cannot be encoded is INTERNAL, also among others", async (t) => {
    const told: unknown[] = [];
    const { client } = await serveTexts(
      t,
      create,
      {
        unary: () => undefined as unknown as Text,
        download: async (_request, responses) => {
          responses.write(text("fine"));
          responses.write(undefined as unknown as Text);
        },
      },
      { onInternalError: (_method, error) => told.push(error) },
    );
    assert.equal((await errorOf(client.unary(""))).code, status.INTERNAL);
    assert.equal((await statusOf(client.download("").resume())).code, status.INTERNAL);
    assert.equal(told.length, 2);
  });

  test("a string that is not UTF-8 is refused, so that no two ids become one", async (t) => {
    const { client } = await serveTexts(t, create, { unary: (request) => request });
    const short = await errorOf(client.unaryBytes(textBytes(Buffer.from([0x75, 0xff]))));
    assert.equal(short.code, status.INVALID_ARGUMENT);
    assert.match(short.details, /2 bytes is not valid UTF-8 \(75ff\)/);
    const overlong = await errorOf(client.unaryBytes(textBytes(Buffer.from([0xc0, 0x80]))));
    assert.equal(overlong.code, status.INVALID_ARGUMENT);
    const surrogate = await errorOf(client.unaryBytes(textBytes(Buffer.from([0xed, 0xa0, 0x80]))));
    assert.equal(surrogate.code, status.INVALID_ARGUMENT);
    const long = Buffer.concat([Buffer.alloc(100, "u"), Buffer.from([0x80])]);
    assert.equal((await errorOf(client.unaryBytes(textBytes(long)))).code, status.INVALID_ARGUMENT);
    assert.equal(await client.unary("\ufeffbyte order mark"), "\ufeffbyte order mark");
  });

  test("bytes that are no message are INVALID_ARGUMENT", async (t) => {
    const { client, port } = await serveTexts(t, create, {
      unary: (request) => request,
      upload: async (requests) => text((await collect(requests)).join()),
    });
    const malformed = {
      "a tag of zero": [0x00, 0x0a, 0x00],
      "a length beyond the end": [0x0a, 0x7f, 0x61],
      "a varint without end": [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      "an unknown wire type": [0x0f, 0x00],
      "the end of a group that never began": [0x0c, 0x0a, 0x00],
      "a group without end": [0x1b, 0x08, 0x01],
    };
    for (const [what, bytes] of Object.entries(malformed)) {
      const { code, details } = await errorOf(client.unaryBytes(Buffer.from(bytes)));
      assert.equal(code, status.INVALID_ARGUMENT, what);
      assert.match(details, /not a valid protobuf message/, what);
    }
    const upload = openRawCall(openRawConnection(t, port), pathOf("Upload"));
    const body = Buffer.concat([framed(textBytes(Buffer.from("good"))), framed(textBytes(Buffer.from([0xff])))]);
    assert.equal((await finishRawCall(upload, body)).status, status.INVALID_ARGUMENT);
  });

  test("random bytes never do more than fail their own call", async (t) => {
    const { client } = await serveTexts(t, create, { unary: (request) => request });
    let state = 41;
    const random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    };
    const codes = new Set<number>();
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(Array.from({ length: random() % 24 }, () => random() & 0xff));
      const code = await client.unaryBytes(bytes).then(
        () => status.OK,
        (error) => error.code,
      );
      codes.add(code);
    }
    assert.deepEqual([...codes].sort(), [status.OK, status.INVALID_ARGUMENT]);
  });

  test("a request above the message limit is refused, naming the limit; one at the limit is not", async (t) => {
    const { client } = await serveTexts(t, create, { unary: ({ service }) => text(String(service.length)) });
    const overhead = 5; // tag, and a length of four bytes
    const limit = 4 * 1024 * 1024;
    assert.equal(await client.unary("x".repeat(limit - overhead)), String(limit - overhead));
    const { code, details } = await errorOf(client.unary("x".repeat(limit - overhead + 1)));
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /4194304/);
  });

  test("the message limit is configurable, and holds for what a request decompresses to", async (t) => {
    const { observer, finished } = recorder();
    const { client, port } = await serveTexts(
      t,
      create,
      { unary: (request) => request },
      { limits: { messageMaxBytes: 1_000 }, observer },
    );
    assert.equal((await errorOf(client.unary("x".repeat(1_000)))).code, status.RESOURCE_EXHAUSTED);
    const bomb = gzipSync(textBytes(Buffer.alloc(200_000, "x")));
    assert.ok(bomb.length < 1_000);
    const call = openRawCall(openRawConnection(t, port), pathOf("Unary"), { "grpc-encoding": "gzip" });
    assert.equal((await finishRawCall(call, framed(bomb, true))).status, status.RESOURCE_EXHAUSTED);
    await waitUntil(() => finished.length === 2, { what: "both calls are over" });
    assert.equal(finished[0]?.[1], "RESOURCE_EXHAUSTED");
  });

  test("a unary method takes exactly one request", async (t) => {
    const { port } = await serveTexts(t, create, { unary: (request) => request });
    const connection = openRawConnection(t, port);
    const none = await finishRawCall(openRawCall(connection, pathOf("Unary")), Buffer.alloc(0));
    assert.equal(none.status, status.UNIMPLEMENTED);
    const two = Buffer.concat([framed(Buffer.alloc(0)), framed(Buffer.alloc(0))]);
    assert.equal((await finishRawCall(openRawCall(connection, pathOf("Unary")), two)).status, status.UNIMPLEMENTED);
  });

  test("a method or service that does not exist is UNIMPLEMENTED", async (t) => {
    const { client } = await serveTexts(t, create, {});
    assert.equal((await errorOf(client.unknown(pathOf("Nothing")))).code, status.UNIMPLEMENTED);
    assert.equal((await errorOf(client.unknown("/no.Such/Method"))).code, status.UNIMPLEMENTED);
  });

  test("a connection has at most so many calls open; further ones wait for their turn", async (t) => {
    let open = 0;
    let most = 0;
    const { client } = await serveTexts(
      t,
      create,
      {
        unary: async (request) => {
          most = Math.max(most, ++open);
          await new Promise((resolve) => setImmediate(resolve));
          open--;
          return request;
        },
      },
      { limits: { concurrentStreams: 2 } },
    );
    await client.unary("the client learns the limit");
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => client.unary(String(index))));
    assert.equal(answers.length, 20);
    assert.equal(most, 2);
  });

  test("connections beyond the limit are closed", async (t) => {
    const { client, port } = await serveTexts(
      t,
      create,
      { unary: (request) => request },
      { limits: { connectionsMax: 1 } },
    );
    await client.unary("takes the one place");
    const second = createConnection({ host: "127.0.0.1", port });
    second.on("error", () => undefined);
    await once(second, "close");
    assert.equal(await client.unary("keeps it"), "keeps it");
  });

  test("connections that are reset, or speak something else, harm nobody else", async (t) => {
    const { server: tls, ca } = issueCertificates();
    const { port, client } = await serveTexts(t, create, { unary: (request) => request });
    const { port: tlsPort } = await serveTexts(t, create, { unary: (request) => request }, { tls });
    const tlsClient = new TextClient(tlsPort, credentials.createSsl(Buffer.from(ca)));
    t.after(() => tlsClient.close());
    for (const target of [port, tlsPort]) {
      for (const greeting of [
        "",
        "GET / HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00",
      ]) {
        const socket = createConnection({ host: "127.0.0.1", port: target });
        socket.on("error", () => undefined);
        await once(socket, "connect");
        if (greeting !== "") await new Promise((resolve) => socket.write(greeting, resolve));
        resetConnection(socket);
      }
    }
    assert.equal(await client.unary("plain"), "plain");
    assert.equal(await tlsClient.unary("tls"), "tls");
  });

  test("the observer is told of each call once, with its code", async (t) => {
    const { observer, finished, durations } = recorder();
    const began = Promise.withResolvers<void>();
    const { client } = await serveTexts(
      t,
      create,
      {
        unary: (request) => {
          if (request.service === "fails") throw new RpcError("ABORTED", "");
          return request;
        },
        download: async (_request, _responses, { signal }) => {
          began.resolve();
          await aborted(signal);
          throw signal.reason;
        },
        upload: async (requests) => text((await collect(requests)).join()),
      },
      { observer },
    );
    await client.unary("works");
    await errorOf(client.unary("fails"));
    const { requests, response } = client.upload();
    requests.end();
    await response;
    const download = client.download("");
    const end = statusOf(download);
    await began.promise;
    download.cancel();
    await end;
    await waitUntil(() => finished.length === 4, { what: "four calls are over" });
    assert.deepEqual(finished, [
      ["test.v1.Texts/Unary", "OK"],
      ["test.v1.Texts/Unary", "ABORTED"],
      ["test.v1.Texts/Upload", "OK"],
      ["test.v1.Texts/Download", "CANCELLED"],
    ]);
    assert.ok(durations.every((durationMs) => durationMs >= 0 && durationMs < 10_000));
  });

  test("an address that is taken or not ours is an error that says so", async (t) => {
    const { port } = await serveTexts(t, create, {});
    const other = create({ services: [] });
    await assert.rejects(other.listen({ host: "127.0.0.1", port }), {
      message: `cannot listen on 127.0.0.1:${port}: another process listens there; stop it or choose another port`,
    });
    await assert.rejects(
      other.listen({ host: "192.0.2.1", port: 0 }),
      /192\.0\.2\.1:0: this machine has no such address/,
    );
  });

  test("it listens on IPv6", async (t) => {
    const server = create({ services: [] });
    const port = await server.listen({ host: "::1", port: 0 });
    t.after(() => server.drain(0));
    await once(createConnection({ host: "::1", port }).unref(), "connect");
  });

  test("a drain waits for open calls and lets no new ones in", async (t) => {
    const began = Promise.withResolvers<void>();
    const mayFinish = Promise.withResolvers<void>();
    let sawAbort = false;
    const { client, port, server } = await serveTexts(t, create, {
      unary: async (request, { signal }) => {
        began.resolve();
        await mayFinish.promise;
        sawAbort = signal.aborted;
        return request;
      },
    });
    const open = client.unary("open");
    await began.promise;
    let isDrained = false;
    const drained = server.drain(30_000).then(() => {
      isDrained = true;
    });
    const late = new TextClient(port, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    t.after(() => late.close());
    assert.equal((await errorOf(late.unary(""))).code, status.UNAVAILABLE);
    assert.equal((await errorOf(client.unary(""))).code, status.UNAVAILABLE);
    assert.equal(isDrained, false);
    mayFinish.resolve();
    assert.equal(await open, "open");
    await drained;
    assert.equal(sawAbort, false);
  });

  test("a drain that runs out of grace cuts what is still open", async (t) => {
    const began = Promise.withResolvers<AbortSignal>();
    const { client, server } = await serveTexts(t, create, {
      download: async (_request, _responses, { signal }) => {
        began.resolve(signal);
        await aborted(signal);
      },
    });
    const end = statusOf(client.download(""));
    const signal = await began.promise;
    await server.drain(20);
    await aborted(signal);
    assert.notEqual((await end).code, status.OK);
  });

  test("a drain is not held up by connections without calls, nor by a server that never listened", async (t) => {
    const { client, port, server } = await serveTexts(t, create, { unary: (request) => request });
    await client.unary("");
    const silent = createConnection({ host: "127.0.0.1", port }).resume();
    silent.on("error", () => undefined);
    await once(silent, "connect");
    await Promise.all([server.drain(30_000), once(silent, "close")]);
    await server.drain(30_000);
    await create({ services: [] }).drain(30_000);
  });

  test("TLS: callers that trust the certificate are served, plain ones are not", async (t) => {
    const { ca, server: tls } = issueCertificates();
    const { client: plain, port, server } = await serveTexts(t, create, { unary: (request) => request }, { tls });
    const trusting = new TextClient(port, credentials.createSsl(Buffer.from(ca)));
    t.after(() => trusting.close());
    assert.equal(await trusting.unary("hello"), "hello");
    assert.equal((await errorOf(plain.unary("hello"))).code, status.UNAVAILABLE);
    assert.equal(await trusting.unary("again"), "again");
    await server.drain(30_000);
  });

  test("mutual TLS: only callers with a certificate of the client CA are served", async (t) => {
    const ours = issueCertificates();
    const foreign = issueCertificates();
    const tls = { ...ours.server, clientCa: ours.ca };
    const unary = (request: Text, call: CallContext) => text(call.peerCertificate?.subject ?? request.service);
    const { port } = await serveTexts(t, create, { unary }, { tls });
    const clientWith = (issued?: { certificate: string; key: string }) => {
      const key = issued ? Buffer.from(issued.key) : null;
      const certificate = issued ? Buffer.from(issued.certificate) : null;
      const client = new TextClient(port, credentials.createSsl(Buffer.from(ours.ca), key, certificate));
      t.after(() => client.close());
      return client;
    };
    assert.equal(await clientWith(ours.client).unary("hello"), "CN=Test client");
    assert.equal((await errorOf(clientWith().unary(""))).code, status.UNAVAILABLE);
    assert.equal((await errorOf(clientWith(foreign.client).unary(""))).code, status.UNAVAILABLE);
  });

  test("a TLS certificate or key that cannot be used is an error at once", () => {
    const { server } = issueCertificates();
    const other = issueCertificates().server;
    assert.throws(
      () => create({ services: [], tls: { ...server, certificate: "nonsense" } }),
      /TLS certificate or key/,
    );
    assert.throws(() => create({ services: [], tls: { ...server, key: other.key } }), /TLS certificate or key/);
  });
}

async function collect(texts: AsyncIterable<Text>): Promise<string[]> {
  const collected: string[] = [];
  for await (const { service } of texts) collected.push(service);
  return collected;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function recorder(): { observer: CallObserver; finished: [string, RpcCode][]; durations: number[] } {
  const finished: [string, RpcCode][] = [];
  const durations: number[] = [];
  const observer: CallObserver = {
    finished(method, code, durationMs) {
      finished.push([method, code]);
      durations.push(durationMs);
    },
  };
  return { observer, finished, durations };
}

/** A grpc-js client wants its deadline as a time of the wall clock. */
function inMs(ms: number): number {
  return systemClock.nowUs() / 1000 + ms;
}

/** A Text whose string is these bytes. */
function textBytes(content: Buffer): Buffer {
  const length = [];
  let rest = content.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([0x0a, ...length, rest]), content]);
}
