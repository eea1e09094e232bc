/** Where Redis lives, and as whom it is used: what a service is configured with. */
export interface RedisPlace {
  /** See parseRedisUrl. Behind Sentinels its host and port count for nothing. */
  readonly url: string;
  /** See RedisTls. */
  readonly tlsCa?: string | undefined;
  /**
   * Asked before every connection, where passwords or certificates are replaced: of it the user, the password and the
   * authority count, and those of the Sentinels, in the place of what stands here.
   */
  readonly current?: (() => Pick<RedisPlace, "url" | "tlsCa" | "sentinel">) | undefined;
  /** It is a Cluster, and the URL that of one of its nodes; default one server. */
  readonly cluster?: boolean | undefined;
  /** Further nodes of the Cluster to ask where its others are, when the first is away; as the URL says how. */
  readonly seeds?: readonly { readonly host: string; readonly port: number }[] | undefined;
  /** Values of `maxmemory-policy` that may be besides noeviction; default none. */
  readonly allowEviction?: readonly string[] | undefined;
  /** Present: the server is the master that Sentinels name. */
  readonly sentinel?: SentinelPlace | undefined;
}

/** Sentinels; they speak TLS if the URL says that the servers do. */
export interface SentinelPlace {
  /** What they call the master. */
  readonly master: string;
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Theirs, not the servers'. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}
