import {
  bearerToken,
  certificateFile,
  duration,
  fileOf,
  grpcPeer,
  privateKeyFile,
} from "@realchat/presence-runtime/settings";
import { type FlagValues, given } from "./flag.ts";

/** What every command takes. */
export const sharedFlags = {
  addr: {
    kind: grpcPeer,
    default: "127.0.0.1:50056",
    variable: "PRESENCE_ADDR",
    meaning: "where the presence service is",
  },
  json: given("one JSON object a line, fields named as in the contract's JSON form"),
  timeout: { kind: duration({ min: 1, max: 3_600_000 }), default: "5s", meaning: "how long to wait for an answer" },
  tls: given("encrypt the connection; implied by the three below"),
  ca: { kind: certificateFile, meaning: "authority that signed the server's certificate (PEM), unless Node knows it" },
  cert: { kind: certificateFile, meaning: "own certificate (PEM) for mutual TLS; with --key" },
  key: { kind: privateKeyFile, meaning: "private key (PEM) of --cert" },
  token: {
    kind: bearerToken,
    variable: "PRESENCE_TOKEN",
    meaning: "shows presence who calls, where it asks; a file keeps it out of the list of processes",
  },
  "token-file": { kind: fileOf(bearerToken), variable: "PRESENCE_TOKEN_FILE", meaning: "file that has it instead" },
  help: given("what the command does, and its flags"),
} as const;

export type SharedFlags = FlagValues<typeof sharedFlags>;
