import { createReadStream } from "node:fs";
import type { Address, Clock } from "@realchat/presence-runtime";
import type { AudienceDirectory } from "./directory.ts";
import { RunningGateway } from "./live/running-gateway.ts";
import { RedisDirectory, type RedisDirectoryOptions } from "./redis/redis-directory.ts";
import { checkImport, type Imported, importAudience } from "./sources/import-audience.ts";

/** Lines between two words about how far it is. */
const progressLines = 100_000;

interface ImportSetting {
  readonly clock: Clock;
  /** Takes a line for whoever typed the command. */
  readonly note: (line: string) => void;
}

/**
 * Imports a file into the directory that all gateways share. A file with an error in it changes nothing.
 * @throws AudienceError, RedisError, or the error of the file system
 */
export async function importIntoRedis(
  path: string,
  redis: RedisDirectoryOptions,
  { clock, note }: ImportSetting,
): Promise<void> {
  await checkImport(createReadStream(path));
  const directory = new RedisDirectory(redis, clock);
  await directory.open();
  try {
    note(summary(await importFile(path, directory, note)));
  } finally {
    await directory.close();
  }
}

/**
 * Imports a file into the directory of a gateway that runs. A file with an error in it changes nothing.
 * @param address its HTTP_ADDR
 * @throws AudienceError, or the error of the file system
 */
export async function importIntoGateway(path: string, address: Address, { clock, note }: ImportSetting): Promise<void> {
  await checkImport(createReadStream(path));
  const gateway = new RunningGateway(address, clock);
  note(summary(await importFile(path, gateway, note)));
  if (gateway.kind === "memory")
    note("the gateway has it in memory: start it with AUDIENCE_FILE to have it the next time");
}

function importFile(
  path: string,
  directory: Pick<AudienceDirectory, "apply">,
  note: ImportSetting["note"],
): Promise<Imported> {
  let toldLines = 0;
  return importAudience(directory, createReadStream(path), {
    progress({ lines }) {
      if (lines - toldLines < progressLines) return;
      toldLines = lines;
      note(`${lines} lines`);
    },
  });
}

function summary({ conversations, contacts, blocks }: Imported): string {
  return `imported ${conversations} conversations, ${contacts} contacts and ${blocks} blocks`;
}
