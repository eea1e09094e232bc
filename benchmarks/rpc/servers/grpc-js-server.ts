import { once } from "node:events";
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { presence } from "@realchat/presence-proto";
import type { ServiceDefinition } from "@realchat/presence-rpc";
import { change, definition, type PresenceAnswers, presencesOf, refreshed } from "./answers.ts";
import { serve } from "./serve.ts";

/** grpc-js with handlers of its own kind, as its documentation shows it; without anything of ours, our codec included. */
await serve(async (answers, tls) => {
  const server = new Server();
  server.addService(serviceOfGrpcJs(), handlers(answers));
  const pair = tls && { cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.key) };
  const credentials =
    pair === undefined ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(null, [pair]);
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
});

function handlers(answers: PresenceAnswers) {
  return {
    refreshSession(_: unknown, answer: sendUnaryData<presence.RefreshSessionResponse>) {
      answers.messagesSent += 1;
      answer(null, refreshed());
    },
    getPresence(
      { request }: ServerUnaryCall<presence.GetPresenceRequest, presence.GetPresenceResponse>,
      answer: sendUnaryData<presence.GetPresenceResponse>,
    ) {
      answers.messagesSent += 1;
      answer(null, presencesOf(request));
    },
    async watchPresence(call: ServerWritableStream<unknown, presence.WatchPresenceResponse>) {
      const { messagesPerStream, isPaced } = answers.streams;
      for (let index = 0; index < messagesPerStream && !call.cancelled; index++) {
        answers.messagesSent += 1;
        if (!call.write(change())) await once(call, "drain");
        if (isPaced) await answers.nextTurn();
      }
      call.end();
    },
  };
}

function serviceOfGrpcJs() {
  const methods: ServiceDefinition["methods"] = definition.methods;
  return Object.fromEntries(
    Object.entries(methods).map(([key, method]): [string, MethodDefinition<unknown, unknown>] => {
      const { name, requestType, responseType, requestStream, responseStream } = method;
      return [
        key,
        {
          path: `/${definition.fullName}/${name}`,
          requestStream,
          responseStream,
          requestSerialize: (request) => Buffer.from(requestType.encode(request).finish()),
          requestDeserialize: (bytes) => requestType.decode(bytes),
          responseSerialize: (response) => Buffer.from(responseType.encode(response).finish()),
          responseDeserialize: (bytes) => responseType.decode(bytes),
        },
      ];
    }),
  );
}
