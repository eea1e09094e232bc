import type { GrpcErrorCode } from "@realchat/presence-grpc";

/**
 * `USAGE`: the command line is wrong. `UNREACHABLE`: nothing answered at the address. All else is the status that the
 * server answered with.
 */
export type CliErrorCode = "USAGE" | "UNREACHABLE" | GrpcErrorCode;

/** Why a command failed; the message is for the person who typed it and says what to do. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What scripts may rely on. */
export const exitCodes = { done: 0, rpcFailed: 1, usage: 2, unreachable: 3 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export function exitCodeOf(code: CliErrorCode): ExitCode {
  switch (code) {
    case "USAGE":
      return exitCodes.usage;
    case "UNREACHABLE":
      return exitCodes.unreachable;
    default:
      return exitCodes.rpcFailed;
  }
}
