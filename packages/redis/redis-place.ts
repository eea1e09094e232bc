/** Where Redis lives, and as whom it is used: what a service is configured with. */
export interface RedisPlace {
  /** See parseRedisUrl. */
  readonly url: string;
  /** See RedisTls. */
  readonly tlsCa?: string | undefined;
  /** It is a Cluster, and the URL that of one of its nodes; default one server. */
  readonly cluster?: boolean | undefined;
}
