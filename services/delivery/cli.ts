import { systemClock as clock, startOrExit } from "@realchat/presence-runtime";
import { importIntoGateway, importIntoRedis } from "./audience/import-command.ts";
import { loadConfig } from "./config.ts";

const usage = `Imports who may see whom, while gateways run: they act on it at once.

Usage: npm run -s delivery -- audience import FILE [flags and environment as start:delivery has them]

Where to:
  --redis-url URL         into the directory in Redis that all gateways share
  --http-addr HOST:PORT   without a Redis: into the memory of the gateway that has this HTTP_ADDR (127.0.0.1:8093)

FILE has one JSON object a line, in any order:
  {"conversation_id": "c1", "participants": ["ann", "bob"]}
  {"user_id": "ann", "contact_id": "bob"}     ann has bob as a contact
  {"user_id": "ann", "blocked": "bob"}        ann blocks bob

Whatever Kafka says about the same relation counts more, before the import and after it. Importing twice does no harm.`;

await startOrExit("delivery", async () => {
  const [group, command, file, ...flags] = process.argv.slice(2);
  if (group !== "audience" || command !== "import" || file === undefined || file.startsWith("-")) {
    process.stderr.write(`${usage}\n`);
    process.exitCode = process.argv.includes("--help") ? 0 : 2;
    return;
  }
  const start = loadConfig(flags);
  if (start.kind === "print") {
    process.stdout.write(start.text);
    return;
  }
  const { audience, listen } = start.config;
  const setting = { clock, note: (line: string) => void process.stderr.write(`${line}\n`) };
  if (audience.redisUrl === undefined) await importIntoGateway(file, listen.operations, setting);
  else await importIntoRedis(file, audience.redisUrl, setting);
});
