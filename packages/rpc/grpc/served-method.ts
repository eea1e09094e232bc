import type { CallContext, MethodDefinition, Service } from "../service.ts";

/** A method with the handler that answers it. */
export interface ServedMethod {
  /** `package.Service/Method`. */
  readonly name: string;
  readonly definition: MethodDefinition;
  /** Takes (request or requests[, responses], call), as `Handlers` types it. */
  readonly handler: (...parameters: unknown[]) => unknown;
}

/**
 * Stands around every handler of a server: may look at the call, refuse it by throwing an RpcError, or look at what
 * came of it. Returns what `proceed` returns, or a promise instead.
 * @param request the message; of a method with a request stream, that stream
 */
export type Interceptor = (call: CallContext, proceed: () => unknown, request: unknown) => unknown;

/** By path, such as `/package.Service/Method`. */
export function methodsByPath(
  services: readonly Service[],
  interceptors: readonly Interceptor[],
): ReadonlyMap<string, ServedMethod> {
  return new Map(
    services.flatMap(({ definition, handlers }) =>
      Object.entries(definition.methods).map(([key, method]) => {
        const name = `${definition.fullName}/${method.name}`;
        const handler = handlers[key] as ServedMethod["handler"];
        return [`/${name}`, { name, definition: method, handler: interceptors.reduceRight(around, handler) }] as const;
      }),
    ),
  );
}

function around(handler: ServedMethod["handler"], interceptor: Interceptor): ServedMethod["handler"] {
  return (...parameters) => interceptor(parameters.at(-1) as CallContext, () => handler(...parameters), parameters[0]);
}
