import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { Lookups } from "./lookups.ts";

describe("look-ups", () => {
  function scene() {
    const clock = new FakeClock();
    const asked: string[][] = [];
    const answers: PromiseWithResolvers<void>[] = [];
    const look = (userIds: readonly string[]) => {
      asked.push([...userIds]);
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      return answer.promise;
    };
    return { clock, asked, answers, lookups: new Lookups({ look, clock, batchMax: 3 }) };
  }

  test("whoever is asked for while one is under way is in the next, once, and in no more than fit", async () => {
    const { clock, asked, answers, lookups } = scene();
    const first = lookups.ask(["a"]);
    const second = lookups.ask(["b", "c"]);
    const third = lookups.ask(["c", "d", "e"]);
    assert.deepEqual(asked, [["a"]]);
    assert.equal(lookups.figures.waiting, 4);
    let isThirdDone = false;
    void third.then(() => {
      isThirdDone = true;
    });
    answers[0]?.resolve();
    await first;
    await clock.advance(0);
    assert.deepEqual(asked, [["a"], ["b", "c", "d"]]);
    answers[1]?.resolve();
    await second;
    await clock.advance(0);
    assert.equal(isThirdDone, false);
    assert.deepEqual(asked.at(-1), ["e"]);
    answers[2]?.resolve();
    await third;
    assert.equal(lookups.figures.waiting, 0);
  });

  test("without an answer it is asked again, ever less often, until there is one", async () => {
    const { clock, asked, answers, lookups } = scene();
    const done = lookups.ask(["a"]);
    for (let attempt = 0; attempt < 5; attempt++) {
      answers[attempt]?.reject(new Error("away"));
      await clock.advance(2_000);
      assert.equal(asked.length, attempt + 2);
    }
    answers[5]?.resolve();
    await done;
    assert.deepEqual(lookups.figures, { asked: 6, failures: 5, waiting: 0 });
  });

  test("nobody is asked about when nobody is asked for, and nobody waits for ever when it closes", async () => {
    const { clock, asked, answers, lookups } = scene();
    await lookups.ask([]);
    assert.deepEqual(asked, []);
    const done = lookups.ask(["a"]);
    answers[0]?.reject(new Error("away"));
    lookups.close();
    await clock.advance(0);
    await done;
    assert.equal(asked.length, 1);
  });
});
