const tokenKeys = ["JWT_SECRET", "JWT_SECRET_FILE", "JWT_PUBLIC_KEY", "JWKS_URL", "JWKS_URL_FILE"];

/**
 * What a gateway is told besides, unless the user told it: where its presence is, and that those whom the page offers
 * to sign in as know each other. Not when tokens say who people are, or something else says whom they know: these are
 * real people then.
 * @param presence where it listens, as `host:port`
 */
export function withGatewayDefaults(environment: NodeJS.ProcessEnv, presence: string): NodeJS.ProcessEnv {
  const isGiven = (name: string) => Boolean(environment[name]);
  const hasTokens = environment.AUTH === "jwt" || tokenKeys.some(isGiven);
  const hasRelations = ["AUDIENCE_FILE", "CONV_SVC_ADDR"].some(isGiven);
  return {
    ...environment,
    ...(!isGiven("PRESENCE_SVC_ADDR") && { PRESENCE_SVC_ADDR: presence }),
    ...(!isGiven("SAMPLE_CAST") && !hasTokens && !hasRelations && { SAMPLE_CAST: "true" }),
  };
}
