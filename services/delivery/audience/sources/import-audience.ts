import type { Readable } from "node:stream";
import { AudienceError } from "../audience-error.ts";
import { type AudienceChange, type AudienceDirectory, policyOwnersIn } from "../directory.ts";
import type { DirectoryListener } from "../listener.ts";
import { type ContactCensus, ContactCounter } from "./contact-census.ts";
import { importLines } from "./import-lines.ts";

interface ImportOptions {
  /** Called after each batch. */
  progress?(imported: Imported): void;
  /** Called with what the import affects; undefined where there are no sockets. */
  readonly listener?: DirectoryListener;
}

export interface Imported {
  /** Number of the last line that is applied. */
  readonly lines: number;
  readonly conversations: number;
  readonly contacts: number;
  readonly blocks: number;
  readonly policies: number;
}

const batchMaxChanges = 500;
const batchMaxParticipants = 5_000;

/**
 * Imports facts into a directory, from JSON lines as `importLines` reads them. Records of sources about the same
 * relation win: an import is older than any record. So it may run before, after or between them, and be repeated.
 * @throws AudienceError INVALID_IMPORT naming the line; or the directory's own error. The message says up to which line
 *   everything is applied
 */
export async function importAudience(
  directory: Pick<AudienceDirectory, "apply">,
  file: Readable,
  options: ImportOptions = {},
): Promise<Imported> {
  const total = { lines: 0, conversations: 0, contacts: 0, blocks: 0, policies: 0 };
  let batch: AudienceChange[] = [];
  let participants = 0;
  let lastLine = 0;
  const applyBatch = async () => {
    const affected = await directory.apply({ changes: batch });
    const policyOwners = policyOwnersIn(batch);
    total.lines = lastLine;
    for (const { kind } of batch) total[counterOf(kind)] += 1;
    batch = [];
    participants = 0;
    options.listener?.affected(affected);
    if (policyOwners.length > 0) options.listener?.policiesChanged(policyOwners);
    options.progress?.({ ...total });
  };
  try {
    for await (const { number, change } of importLines(file)) {
      batch.push(change);
      lastLine = number;
      if (change.kind === "conversation") participants += change.participants.length;
      if (batch.length >= batchMaxChanges || participants >= batchMaxParticipants) await applyBatch();
    }
    if (batch.length > 0) await applyBatch();
  } catch (error) {
    if (!(error instanceof AudienceError)) throw error;
    const state = total.lines === 0 ? "nothing is imported" : `what stands up to line ${total.lines} is imported`;
    throw new AudienceError(error.code, `${error.message}; ${state}, and importing it again does no harm`, {
      cause: error,
    });
  }
  return total;
}

export interface CheckedImport {
  /** Number of facts. */
  readonly facts: number;
  /** Undefined: too many to count. */
  readonly contacts: ContactCensus | undefined;
}

/** Reads all of it and applies nothing. @throws AudienceError INVALID_IMPORT naming the line */
export async function checkImport(file: Readable): Promise<CheckedImport> {
  const contacts = new ContactCounter();
  let facts = 0;
  for await (const { change } of importLines(file)) {
    facts += 1;
    if (change.kind === "contact-added") contacts.add(change.userId, change.contactId);
  }
  return { facts, contacts: contacts.count() };
}

function counterOf(kind: AudienceChange["kind"]): "conversations" | "contacts" | "blocks" | "policies" {
  if (kind === "conversation") return "conversations";
  if (kind === "policy") return "policies";
  return kind === "blocked" ? "blocks" : "contacts";
}
