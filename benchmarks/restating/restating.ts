import type { Bench, Benchmark } from "../benchmark.ts";
import { measureLoss } from "./loss.ts";
import { measurePromotion } from "./promotion.ts";

/**
 * Redis, Kafka and a presence node are processes of their own. This one is the gateways, with the store of a second node
 * that publishes nothing, and the consumer.
 */
export const restating: Benchmark = {
  name: "restating",
  about: "Redis came back empty, or is another one: until all are right again, and what heartbeats pay meanwhile",
  limitSeconds: 1_800,
  async run(bench: Bench) {
    await measureLoss(bench);
    await measurePromotion(bench);
  },
};
