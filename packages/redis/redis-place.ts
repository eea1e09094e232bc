/** Where Redis lives, and as whom it is used: what a service is configured with. */
export interface RedisPlace {
  /** See parseRedisUrl. */
  readonly url: string;
  /** See RedisTls. */
  readonly tlsCa?: string | undefined;
}
