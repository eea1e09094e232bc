export type AudienceErrorCode =
  /** Nothing is known now; ask again. */
  | "UNAVAILABLE"
  /** The directory lost what came before this batch: read its state, and go on from there. */
  | "REWOUND"
  /** The limit of relations is reached. */
  | "FULL"
  /** An import holds something that is no fact. */
  | "INVALID_IMPORT"
  /** This gateway takes no imports from there. */
  | "REFUSED";

export class AudienceError extends Error {
  override readonly name = "AudienceError";
  readonly code: AudienceErrorCode;

  constructor(code: AudienceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
