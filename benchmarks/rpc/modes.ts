/** How calls are spread. */
export interface Mode {
  /** Such as `8 × 8`: connections × calls in flight on each. */
  readonly name: string;
  readonly connections: number;
  readonly inFlight: number;
}

export const oneAtATime = mode(1, 1);
export const oneConnection = mode(1, 64);
export const fewConnections = mode(8, 8);
export const manyConnections = mode(100, 1);

function mode(connections: number, inFlight: number): Mode {
  return { name: `${connections} × ${inFlight}`, connections, inFlight };
}
