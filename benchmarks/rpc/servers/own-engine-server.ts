import { createRpcServer } from "@realchat/presence-rpc";
import { serve } from "./serve.ts";

await serve((answers, tls) =>
  createRpcServer({ services: [answers.service()], tls }).listen({ host: "127.0.0.1", port: 0 }),
);
