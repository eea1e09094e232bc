import { systemClock as clock, runOrExit, showBuild } from "@realchat/presence-runtime";
import { importIntoGateway, importIntoRedis } from "./audience/import-command.ts";
import { build, loadCommandConfig } from "./config.ts";
import type { DeliveryConfig } from "./delivery-config.ts";
import { issueToken } from "./gateway/authentication/issue-token.ts";

const usage = `Usage: npm run -s delivery -- COMMAND [flags and environment as start:delivery has them]

  audience import FILE    who may see whom; gateways that run act on it at once
    --redis-url URL         into the directory in Redis that all gateways share
    --redis-tls-ca FILE     authority that signed its certificate, for rediss:// (PEM)
    --http-addr HOST:PORT   without a Redis: into the memory of the gateway that has this HTTP_ADDR (127.0.0.1:8093)
  token USER              a token for trying, good for an hour
    --jwt-secret SECRET     what it is signed with, the gateway's JWT_SECRET

FILE has one JSON object a line, in any order:
  {"conversation_id": "c1", "participants": ["ann", "bob"]}
  {"user_id": "ann", "contact_id": "bob"}     ann has bob as a contact
  {"user_id": "ann", "blocked": "bob"}        ann blocks bob
  {"user_id": "ann", "privacy": {"lastSeen": "contacts"}}   what ann shows: docs/privacy.md

Whatever Kafka says about the same relation or policy counts more, before the import and after it. Importing twice does no harm.`;

const tokenValidS = 3_600;

const [command = "", ...args] = process.argv.slice(2);
await runOrExit(command === "audience" ? "audience import" : command, async () => {
  if (process.argv.includes("--help") || (command === "help" && args.length === 0)) {
    process.stdout.write(`${usage}\n`);
  } else if (command === "--version") {
    process.stdout.write(showBuild("delivery", build));
  } else if (command === "audience" && args[0] === "import" && isGiven(args[1])) {
    await withConfig(args.slice(2), (config) => importAudience(args[1] as string, config));
  } else if (command === "token" && isGiven(args[0])) {
    await withConfig(args.slice(1), (config) => printToken(args[0] as string, config));
  } else {
    process.stderr.write(`${usage}\n`);
    process.exitCode = 2;
  }
});

function isGiven(argument: string | undefined): boolean {
  return argument !== undefined && !argument.startsWith("-");
}

async function withConfig(flags: readonly string[], run: (config: DeliveryConfig) => Promise<void>): Promise<void> {
  const start = loadCommandConfig(flags);
  if (start.kind === "print") process.stdout.write(start.text);
  else await run(start.config);
}

async function importAudience(file: string, { audience, listen }: DeliveryConfig): Promise<void> {
  const setting = { clock, print: (line: string) => void process.stderr.write(`${line}\n`) };
  if (audience.redis === undefined) await importIntoGateway(file, listen.operations, setting);
  else await importIntoRedis(file, audience.redis, setting);
}

async function printToken(userId: string, { tokens }: DeliveryConfig): Promise<void> {
  if (tokens?.keys.kind !== "secret") {
    throw new Error("tokens are signed with JWT_SECRET here: give the gateway's; with other keys only their owner can");
  }
  const { issuer, audience, keys } = tokens;
  const token = await issueToken({ secret: keys.secret, issuer, audience, userId, validS: tokenValidS }, clock);
  process.stdout.write(`${token}\n`);
}
