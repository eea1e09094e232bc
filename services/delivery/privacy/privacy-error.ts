type PrivacyErrorCode =
  /** A policy that is none. */
  | "INVALID"
  /** It cannot be changed now; try again. */
  | "UNAVAILABLE"
  /** Too many are being changed. */
  | "BUSY";

export class PrivacyError extends Error {
  override readonly name = "PrivacyError";
  readonly code: PrivacyErrorCode;

  constructor(code: PrivacyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
