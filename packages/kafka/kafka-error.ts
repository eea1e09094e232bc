export type KafkaErrorCode =
  /** The topic does not exist. */
  | "NOT_FOUND"
  /** The broker or the topic takes less in one batch. */
  | "TOO_LARGE"
  /** Anything else: brokers cannot be reached, refuse a login, or refuse what was asked. */
  | "UNAVAILABLE";

/** All that this package rejects with. Its message may be logged. */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly code: KafkaErrorCode;
  /** The brokers' error codes behind it, e.g. `NOT_ENOUGH_REPLICAS`; none when no broker answered. */
  readonly brokerErrors: readonly string[];

  constructor(code: KafkaErrorCode, message: string, brokerErrors: readonly string[] = []) {
    super(message);
    this.code = code;
    this.brokerErrors = brokerErrors;
  }
}

/**
 * Says in one line what went wrong. Takes messages alone: the client's own errors are trees which carry requests,
 * responses and options, and those have no place in a log.
 */
export function kafkaErrorOf(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  const causes = [...causesOf(error)];
  const messages = new Set(causes.map((cause) => cause.message));
  const brokerErrors = new Set(causes.map((cause) => cause.brokerError).filter((name) => name !== undefined));
  return new KafkaError(codeOf(causes), [...messages].join("; "), [...brokerErrors]);
}

/** A leaf of the tree. */
interface Cause {
  /** With those of the errors around it. */
  readonly message: string;
  readonly brokerError: string | undefined;
  readonly isUnknownTopic: boolean;
}

function codeOf(causes: readonly Cause[]): KafkaErrorCode {
  if (causes.some(({ isUnknownTopic }) => isUnknownTopic)) return "NOT_FOUND";
  const isTooLarge = ({ brokerError }: Cause) =>
    brokerError === "MESSAGE_TOO_LARGE" || brokerError === "RECORD_LIST_TOO_LARGE";
  return causes.some(isTooLarge) ? "TOO_LARGE" : "UNAVAILABLE";
}

function* causesOf(error: unknown): Generator<Cause> {
  if (!(error instanceof Error)) {
    yield { message: String(error), brokerError: undefined, isUnknownTopic: false };
  } else if (error instanceof AggregateError && error.errors.length > 0) {
    for (const part of error.errors) yield* causesOf(part);
  } else if (error.cause !== undefined) {
    const context = error.message.replace(/\.$/, "");
    for (const cause of causesOf(error.cause)) yield { ...cause, message: `${context}: ${cause.message}` };
  } else {
    yield leafOf(error);
  }
}

function leafOf(error: Error): Cause {
  const { apiId } = error as { apiId?: unknown };
  const brokerError = typeof apiId === "string" ? apiId : undefined;
  // When metadata says UNKNOWN_TOPIC_OR_PARTITION, the client makes it an error that only its message sets apart.
  const isUnknownTopic = brokerError === undefined && /^Unknown topic .+\.$/.test(error.message);
  const message = brokerError === undefined ? error.message : `${brokerError}: ${error.message}`;
  return { message, brokerError, isUnknownTopic };
}
