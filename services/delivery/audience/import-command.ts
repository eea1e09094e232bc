import type { Address, Clock } from "@realchat/presence-runtime";
import { AudienceError } from "./audience-error.ts";
import type { AudienceDirectory } from "./directory.ts";
import { RunningGateway } from "./live/running-gateway.ts";
import type { RedisDirectoryOptions } from "./redis/directory-server.ts";
import { RedisDirectory } from "./redis/redis-directory.ts";
import { type CheckedImport, checkImport, type Imported, importAudience } from "./sources/import-audience.ts";
import { importFile } from "./sources/import-file.ts";

/** Lines between two progress messages. */
const progressLines = 100_000;

interface ImportSetting {
  readonly clock: Clock;
  /** Prints a line on the terminal. */
  readonly print: (line: string) => void;
}

/**
 * Imports a file into the directory that all gateways share. A file with an error in it changes nothing.
 * @throws AudienceError, or RedisError
 */
export async function importIntoRedis(
  path: string,
  redis: RedisDirectoryOptions,
  { clock, print }: ImportSetting,
): Promise<void> {
  const file = await openChecked(path);
  const directory = new RedisDirectory(redis, clock);
  await directory.open();
  try {
    printSummary(await importInto(directory, file, print), file, print);
  } finally {
    await directory.close();
  }
}

/**
 * Imports a file into the directory of a gateway that runs. A file with an error in it changes nothing.
 * @param address its HTTP_ADDR
 * @throws AudienceError
 */
export async function importIntoGateway(
  path: string,
  address: Address,
  { clock, print }: ImportSetting,
): Promise<void> {
  const file = await openChecked(path);
  const gateway = new RunningGateway(address, clock);
  printSummary(await importInto(gateway, file, print), file, print);
  if (gateway.kind === "memory")
    print("the gateway has it in memory: start it with AUDIENCE_FILE to have it the next time");
}

interface CheckedFile extends CheckedImport {
  readonly open: Awaited<ReturnType<typeof importFile>>;
}

/** @throws AudienceError INVALID_IMPORT naming the file, and the line */
async function openChecked(path: string): Promise<CheckedFile> {
  const open = await importFile(path);
  const checked = await checkImport(open()).catch((error: unknown) => {
    if (!(error instanceof AudienceError)) throw error;
    throw new AudienceError(error.code, `${path}: ${error.message}`, { cause: error });
  });
  if (checked.facts === 0) throw new AudienceError("INVALID_IMPORT", `${path} is empty: nothing is imported`);
  return { ...checked, open };
}

function importInto(
  directory: Pick<AudienceDirectory, "apply">,
  file: CheckedFile,
  note: ImportSetting["print"],
): Promise<Imported> {
  let printedLines = 0;
  return importAudience(directory, file.open(), {
    progress({ lines }) {
      if (lines - printedLines < progressLines) return;
      printedLines = lines;
      note(`${lines} lines`);
    },
  });
}

function printSummary(
  { conversations, contacts, blocks, policies }: Imported,
  { contacts: census }: CheckedImport,
  note: ImportSetting["print"],
): void {
  note(`imported ${conversations} conversations, ${contacts} contacts, ${blocks} blocks and ${policies} policies`);
  if (contacts === 0) return;
  if (census === undefined) {
    note("contacts show people to each other when each has the other; these are too many to tell how many are mutual");
    return;
  }
  const { mutual, oneSided, example } = census;
  note(`${mutual} pairs of contacts are mutual in this file, ${oneSided} are one-sided`);
  if (example === undefined) return;
  const [userId, contactId] = example;
  const missing = JSON.stringify({ user_id: contactId, contact_id: userId });
  note(
    "one-sided contacts show nobody, unless the other side was told before: " +
      `for ${userId} and ${contactId}, for one, add ${missing}`,
  );
}
