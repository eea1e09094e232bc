import { type CallContext, type Interceptor, RpcError } from "@realchat/presence-rpc";
import type { Clock } from "@realchat/presence-runtime";
import type { JwtVerifier } from "@realchat/presence-runtime/authentication";
import type { ListedCaller, Scope } from "@realchat/presence-runtime/callers";
import { Authentication, type KnownCallers } from "./authentication.ts";
import type { Caller } from "./caller.ts";
import { type CallerAccount, CallerAccounts, type Quotas } from "./caller-accounts.ts";
import { JwtCallers } from "./jwt-callers.ts";
import { ListedCallers } from "./listed-callers.ts";
import { guardedMethods, type Needs } from "./method-needs.ts";

/** Who may call. */
interface Admitted {
  readonly listed: readonly ListedCaller[];
  /** undefined: JSON Web Tokens count for nothing. */
  readonly tokens: Pick<JwtVerifier, "verify"> | undefined;
}

export interface AccessMetrics {
  readonly unauthenticated: number;
  readonly accounts: Iterable<CallerAccount>;
}

/** Stands before every call: is the caller known, may it do that, and is it within its quotas? */
export class ApiAccess {
  readonly #clock: Clock;
  readonly #authentication: Authentication;
  readonly #accounts: CallerAccounts;
  #unauthenticated = 0;

  constructor(admitted: Admitted, quotas: Quotas, clock: Clock) {
    this.#clock = clock;
    this.#authentication = new Authentication(knownCallers(admitted), clock);
    this.#accounts = new CallerAccounts(quotas, clock);
  }

  /** From now on these are listed; calls that are open go on. */
  replaceList(listed: readonly ListedCaller[]): void {
    this.#authentication.replaceList(new ListedCallers(listed));
  }

  metrics(): AccessMetrics {
    return { unauthenticated: this.#unauthenticated, accounts: this.#accounts.all() };
  }

  readonly interceptor: Interceptor = (call, proceed, request) => {
    const method = guardedMethods.get(call.method);
    if (method === undefined) throw new Error(`nobody has decided who may call ${call.method}`);
    const needs = method.of(request);
    if (needs === "nothing") return proceed();
    const admit = (caller: Caller) => this.#admit(caller, needs, call.method, method.isStream, proceed);
    const caller = this.#callerOf(call);
    return caller instanceof Promise ? caller.then(admit) : admit(caller);
  };

  #callerOf(call: CallContext): Caller | Promise<Caller> {
    const count = (error: unknown) => {
      if (error instanceof RpcError && error.code === "UNAUTHENTICATED") this.#unauthenticated++;
      throw error;
    };
    try {
      const caller = this.#authentication.callerOf(call);
      return caller instanceof Promise ? caller.catch(count) : caller;
    } catch (error) {
      return count(error);
    }
  }

  #admit(caller: Caller, needs: Rights, method: string, isStream: boolean, proceed: () => unknown): unknown {
    const account = this.#accounts.of(caller.name);
    account.takeCall(this.#clock.monotonicMs());
    if (needs !== "known caller" && !needs.some((scope) => caller.scopes.has(scope))) {
      account.counts.denied++;
      throw denied(caller, method, needs);
    }
    if (isStream) account.openStream();
    account.counts.admitted++;
    return isStream ? whileOpen(account, proceed) : proceed();
  }
}

type Rights = Exclude<Needs, "nothing">;

function knownCallers({ listed, tokens }: Admitted): KnownCallers {
  return { listed: new ListedCallers(listed), jwt: tokens && new JwtCallers(tokens) };
}

async function whileOpen(account: CallerAccount, proceed: () => unknown): Promise<unknown> {
  try {
    return await proceed();
  } finally {
    account.streamEnded();
  }
}

function denied({ name, grantedBy }: Caller, method: string, scopes: readonly Scope[]): RpcError {
  const lacking = scopes.length === 1 ? `the scope ${scopes[0]}` : `one of the scopes ${scopes.join(", ")}`;
  return new RpcError(
    "PERMISSION_DENIED",
    `${name} may not call ${method}, which takes ${lacking}: add it to ${grantedBy}`,
  );
}
