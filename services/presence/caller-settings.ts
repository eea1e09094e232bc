import {
  callersFile,
  integer,
  type JwtConfig,
  type JwtValues,
  jwtConfig,
  jwtConflicts,
  jwtSettings,
  live,
  type Values,
} from "@realchat/presence-runtime";
import type { ListedCaller } from "@realchat/presence-runtime/callers";
import type { Quotas } from "./callers/caller-accounts.ts";

/** Who may call, and how much. Tokens of users are never taken for those of callers, so these have names of their own. */
export const callerSettings = {
  API_TOKENS_FILE: {
    kind: live(callersFile),
    meaning: "who may call what, a line each, as `presence token` makes it; without it and keys everybody may call all",
  },
  API_JWT_SECRET: { ...jwtSettings.JWT_SECRET, meaning: "shared secret of callers' HS256 tokens" },
  API_JWT_PUBLIC_KEY: {
    ...jwtSettings.JWT_PUBLIC_KEY,
    meaning: "public key of callers' RS256, ES256 or EdDSA tokens (PEM)",
  },
  API_JWKS_URL: { ...jwtSettings.JWKS_URL, meaning: "key set of callers' RS256, ES256 or EdDSA tokens" },
  API_JWKS_REFRESH: jwtSettings.JWKS_REFRESH,
  API_JWT_ISSUER: jwtSettings.JWT_ISSUER,
  API_JWT_AUDIENCE: { kind: jwtSettings.JWT_AUDIENCE.kind, meaning: "aud that they must have; needed with a key" },
  CALLER_CALLS_PER_SECOND: {
    kind: integer({ min: 1, max: 10_000_000 }),
    default: "20000",
    meaning: "calls of one caller to this node in the long run, and at once",
  },
  CALLER_STREAMS_MAX: {
    kind: integer({ min: 1, max: 1_000_000 }),
    default: "500",
    meaning: "streams of one caller open on this node",
  },
} as const;

type CallerValues = Values<typeof callerSettings>;

export interface CallersConfig {
  readonly listed: readonly ListedCaller[];
  /** undefined: JSON Web Tokens count for nothing. */
  readonly tokens: JwtConfig | undefined;
  readonly quotas: Quotas;
}

/** @returns undefined: everybody may call everything */
export function callersConfig(values: CallerValues): CallersConfig | undefined {
  const { API_TOKENS_FILE: file, CALLER_CALLS_PER_SECOND, CALLER_STREAMS_MAX } = values;
  const tokens = jwtConfig(jwtValues(values));
  if (file === undefined && tokens === undefined) return undefined;
  const quotas = { callsPerSecond: CALLER_CALLS_PER_SECOND, streamsMax: CALLER_STREAMS_MAX };
  return { listed: file?.listed ?? [], tokens, quotas };
}

/** What does not go together, one sentence each. */
export function* callerConflicts(values: CallerValues): Iterable<string> {
  const jwt = jwtValues(values);
  yield* jwtConflicts(jwt, "API_");
  const hasKey = jwtConfig(jwt) !== undefined;
  if (hasKey && jwt.JWT_AUDIENCE === undefined) {
    yield "API_JWT_AUDIENCE is not set: a token that was made for another service would count here; give the aud of those for presence";
  }
  if (!hasKey && (jwt.JWT_AUDIENCE ?? jwt.JWT_ISSUER) !== undefined) {
    yield "API_JWT_AUDIENCE and API_JWT_ISSUER need a key: give API_JWT_SECRET, API_JWT_PUBLIC_KEY or API_JWKS_URL";
  }
}

function jwtValues(values: CallerValues): JwtValues {
  return {
    JWT_SECRET: values.API_JWT_SECRET,
    JWT_PUBLIC_KEY: values.API_JWT_PUBLIC_KEY,
    JWKS_URL: values.API_JWKS_URL,
    JWKS_REFRESH: values.API_JWKS_REFRESH,
    JWT_ISSUER: values.API_JWT_ISSUER,
    JWT_AUDIENCE: values.API_JWT_AUDIENCE,
  };
}
