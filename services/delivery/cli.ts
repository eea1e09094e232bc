import { systemClock as clock, startOrExit } from "@realchat/presence-runtime";
import { importFile } from "./audience/import-command.ts";
import { loadConfig } from "./config.ts";

const usage = `Imports who may see whom into the directory that the gateways share.

Usage: npm run -s delivery -- audience import FILE [--redis-url URL] [flags and environment as start:delivery has them]

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
  const { redisUrl } = start.config.audience;
  if (redisUrl === undefined) {
    throw new Error("without REDIS_URL the directory is in the gateway's memory: start it with AUDIENCE_FILE instead");
  }
  await importFile(file, redisUrl, { clock, note: (line) => process.stderr.write(`${line}\n`) });
});
