import { createReadStream } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { AudienceError } from "../audience-error.ts";

/**
 * A file to import. It is read twice: first to check it, then to apply it.
 * @returns opens it
 * @throws AudienceError INVALID_IMPORT saying why it cannot be read
 */
export async function importFile(path: string): Promise<() => Readable> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw refusal(path, reasons[error.code ?? ""] ?? error.message, error);
  });
  if (found.isDirectory()) throw refusal(path, "is a folder: name a file with one JSON object a line");
  // A pipe can be read only once.
  if (!found.isFile()) throw refusal(path, "is no regular file, and it is read twice: write it into a file first");
  await access(path, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
    throw refusal(path, reasons[error.code ?? ""] ?? error.message, error);
  });
  return () => createReadStream(path);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist: name a file with one JSON object a line",
  ENOTDIR: "does not exist: a part of its path is a file",
  EACCES: "may not be read by this user",
  EPERM: "may not be read by this user",
  ELOOP: "is a link that leads nowhere",
  ENAMETOOLONG: "does not exist: the name is too long",
};

function refusal(path: string, why: string, cause?: unknown): AudienceError {
  return new AudienceError("INVALID_IMPORT", `${path} ${why}`, { cause });
}
