/** Kafka did not take it, or could not be reached. */
export class KafkaFailure extends Error {
  override readonly name = "KafkaFailure";
  /** The brokers' error codes behind it, e.g. `NOT_ENOUGH_REPLICAS`; none when no broker answered. */
  readonly brokerErrors: readonly string[];

  constructor(message: string, brokerErrors: readonly string[] = []) {
    super(message);
    this.brokerErrors = brokerErrors;
  }
}

/**
 * Says in one line what went wrong, from messages alone: the client's own errors carry requests, responses and options,
 * which have no place in a log.
 */
export function kafkaFailureOf(error: unknown): KafkaFailure {
  if (error instanceof KafkaFailure) return error;
  const causes = [...causesOf(error)];
  const messages = new Set(causes.map((cause) => cause.message));
  const brokerErrors = new Set(causes.map((cause) => cause.brokerError).filter((name) => name !== undefined));
  return new KafkaFailure([...messages].join("; "), [...brokerErrors]);
}

/** The batch is larger than the broker or the topic allows. */
export function isTooLarge(failure: KafkaFailure): boolean {
  return failure.brokerErrors.some((name) => name === "MESSAGE_TOO_LARGE" || name === "RECORD_LIST_TOO_LARGE");
}

interface Cause {
  readonly message: string;
  readonly brokerError: string | undefined;
}

function* causesOf(error: unknown): Generator<Cause> {
  if (!(error instanceof Error)) {
    yield { message: String(error), brokerError: undefined };
  } else if (error instanceof AggregateError && error.errors.length > 0) {
    for (const part of error.errors) yield* causesOf(part);
  } else if (error.cause !== undefined) {
    const context = error.message.replace(/\.$/, "");
    for (const cause of causesOf(error.cause)) yield { ...cause, message: `${context}: ${cause.message}` };
  } else {
    const { apiId } = error as { apiId?: unknown };
    const brokerError = typeof apiId === "string" ? apiId : undefined;
    yield { message: brokerError === undefined ? error.message : `${brokerError}: ${error.message}`, brokerError };
  }
}
