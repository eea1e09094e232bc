const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * @param text of `grpc-timeout`: at most eight digits and a unit
 * @returns milliseconds, undefined when it is not well-formed
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
 */
export function timeoutMsOf(text: string): number | undefined {
  const unit = unitMs[text.charAt(text.length - 1)];
  const digits = text.length - 1;
  if (unit === undefined || digits < 1 || digits > 8) return undefined;
  let amount = 0;
  for (let index = 0; index < digits; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    amount = amount * 10 + digit;
  }
  return amount * unit;
}
