import type { Refusal } from "./refusal.ts";

export const headersMaxBytes = 16_384;

/**
 * The refusal for a request that Node gave up before it was complete.
 * @param code https://nodejs.org/api/errors.html, or HPE_ and the parser's
 * @returns undefined when it is the connection that broke
 */
export function refusalOfBroken(code: string | undefined): Refusal | undefined {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { reason: "timeout", status: 408, message: "the request did not come in time: send all of it at once" };
    case "HPE_HEADER_OVERFLOW":
      return {
        reason: "headers_too_big",
        status: 431,
        message: `the headers have more than ${headersMaxBytes} bytes: send fewer cookies, or a shorter token`,
      };
    default:
      if (!code?.startsWith("HPE_")) return undefined;
      return { reason: "bad_request", status: 400, message: "this is no HTTP request" };
  }
}
