import { type CallContext, RpcError } from "@realchat/presence-rpc";
import type { Clock } from "@realchat/presence-runtime";
import { certificateIdentities } from "@realchat/presence-runtime/callers";
import type { Caller } from "./caller.ts";
import type { JwtCallers } from "./jwt-callers.ts";
import type { ListedCallers } from "./listed-callers.ts";

type ShownBy = Pick<CallContext, "connection" | "metadata" | "peerCertificate">;

/** Who is believed, and by what. */
export interface KnownCallers {
  readonly listed: ListedCallers;
  /** undefined: nobody is believed by a JSON Web Token. */
  readonly jwt: JwtCallers | undefined;
}

/** What a connection showed last, and who that is. */
interface Shown {
  readonly authorization: string | undefined;
  readonly caller: Caller;
}

/** Finds out who makes a call: by its token, or without one by the certificate of its connection. */
export class Authentication {
  readonly #clock: Clock;
  #known: KnownCallers;
  /** By connection: each sees only what it showed itself. */
  #shown = new WeakMap<object, Shown>();

  constructor(known: KnownCallers, clock: Clock) {
    this.#known = known;
    this.#clock = clock;
  }

  /** From the next call of each connection on. */
  replaceList(listed: ListedCallers): void {
    this.#known = { ...this.#known, listed };
    this.#shown = new WeakMap();
  }

  /** @throws RpcError UNAUTHENTICATED, saying what is missing; UNAVAILABLE when that cannot be told at the moment */
  callerOf(call: ShownBy): Caller | Promise<Caller> {
    const authorization = call.metadata("authorization");
    const shown = this.#shown.get(call.connection);
    if (shown !== undefined && shown.authorization === authorization && this.#isCurrent(shown.caller)) {
      return shown.caller;
    }
    const remembering = this.#shown;
    const remember = (caller: Caller) => {
      remembering.set(call.connection, { authorization, caller });
      return caller;
    };
    const caller = authorization === undefined ? this.#byCertificate(call) : this.#byToken(authorization);
    return caller instanceof Promise ? caller.then(remember) : remember(caller);
  }

  #isCurrent({ untilMs }: Caller): boolean {
    return untilMs === Number.POSITIVE_INFINITY || this.#nowMs() < untilMs;
  }

  #byToken(authorization: string): Caller | Promise<Caller> {
    const token = bearer.exec(authorization)?.[1];
    if (token === undefined) throw unauthenticated(`authorization is not of the form "Bearer TOKEN"`);
    const { listed, jwt } = this.#known;
    const caller = listed.byToken(token);
    if (caller !== undefined) return caller;
    if (jwt !== undefined && looksLikeJwt.test(token)) return jwt.byToken(token, this.#nowMs());
    throw unauthenticated(`this token is not known here: ${howToList}`);
  }

  #byCertificate({ peerCertificate }: ShownBy): Caller {
    const identities = peerCertificate === undefined ? [] : certificateIdentities(peerCertificate);
    const caller = this.#known.listed.byCertificate(identities);
    if (caller !== undefined) return caller;
    const [identity] = identities;
    const certificate = identity === undefined ? "" : `, and no line of API_TOKENS_FILE is for ${identity}`;
    throw unauthenticated(
      `the call has no token${certificate}: send one as "authorization: Bearer TOKEN"; ${howToSend}`,
    );
  }

  #nowMs(): number {
    return this.#clock.nowUs() / 1_000;
  }
}

/** RFC 6750 §2.1; a scheme's case does not count (RFC 9110 §11.1). */
const bearer = /^bearer +([\w.~+/-]+=*)$/i;
const looksLikeJwt = /^[^.]+\.[^.]+\.[^.]*$/;

const howToList = '"presence token NAME --scopes …" makes one, and its line for API_TOKENS_FILE';
const howToSend = "PRESENCE_TOKEN gives one to the command line, to gateways and to Delivery";

function unauthenticated(message: string): RpcError {
  return new RpcError("UNAUTHENTICATED", message);
}
