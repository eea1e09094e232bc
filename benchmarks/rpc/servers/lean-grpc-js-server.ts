import { createGrpcJsServer } from "@realchat/presence-rpc/testing/grpc-js";
import { serve } from "./serve.ts";

await serve((answers, tls) =>
  createGrpcJsServer({ services: [answers.service()], tls }).listen({ host: "127.0.0.1", port: 0 }),
);
