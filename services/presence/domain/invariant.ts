export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Catches our own bugs, never a caller's input. @throws InvariantError */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks what the type system has excluded: a new kind in a union does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unhandled: ${JSON.stringify(value)}`);
}
