import { type ServiceError, status } from "@grpc/grpc-js";
import { PresenceClientError, type PresenceClientErrorCode } from "../presence-client-error.ts";

/** A failed call's status, as an error of ours. */
export function callError({ code, details, metadata }: ServiceError, cause?: unknown): PresenceClientError {
  const advice = Number(metadata?.get("grpc-retry-pushback-ms")[0]);
  return new PresenceClientError(codeNames.get(code) ?? "UNKNOWN", reasonOf(details), {
    cause,
    ...(advice >= 0 && { retryAfterMs: advice }),
  });
}

const codeNames = new Map(
  Object.entries(status).map(([name, code]) => [code as number, name as PresenceClientErrorCode]),
);

/** The part of grpc-js's explanation that tells a person something. */
function reasonOf(details: string): string {
  return /Last error: (?:Error: )?(.*?)(?:\. Resolution note:.*)?$/.exec(details)?.[1] ?? details;
}
