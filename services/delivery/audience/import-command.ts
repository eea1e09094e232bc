import { createReadStream } from "node:fs";
import type { Clock } from "@realchat/presence-runtime";
import { RedisDirectory } from "./redis/redis-directory.ts";
import { checkImport, importAudience } from "./sources/import-audience.ts";

/** Lines between two words about how far it is. */
const progressLines = 100_000;

/**
 * Imports a file into the directory that all gateways share. A file with an error in it changes nothing.
 * @param note takes a line for whoever typed the command
 * @throws AudienceError, RedisError, or the error of the file system
 */
export async function importFile(
  path: string,
  redisUrl: string,
  { clock, note }: { clock: Clock; note: (line: string) => void },
): Promise<void> {
  await checkImport(createReadStream(path));
  const directory = new RedisDirectory({ url: redisUrl }, clock);
  await directory.open();
  try {
    let toldLines = 0;
    const imported = await importAudience(directory, createReadStream(path), {
      progress({ lines }) {
        if (lines - toldLines < progressLines) return;
        toldLines = lines;
        note(`${lines} lines`);
      },
    });
    const { conversations, contacts, blocks } = imported;
    note(`imported ${conversations} conversations, ${contacts} contacts and ${blocks} blocks`);
  } finally {
    await directory.close();
  }
}
