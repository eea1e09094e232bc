import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { HandshakeTurns } from "./handshake-turns.ts";

function scene(waitingMax = 100) {
  const clock = new FakeClock();
  const turns: (() => void)[] = [];
  const answered: number[] = [];
  const handshakes = new HandshakeTurns({ clock, waitingMax, nextTurn: (run) => turns.push(run) });
  const add = (name: number, takesMs: number) =>
    handshakes.add(() => {
      answered.push(name);
      clock.freeze(takesMs);
    });
  const turn = () => {
    for (const run of turns.splice(0)) run();
    return answered.splice(0);
  };
  return { handshakes, add, turn, turns };
}

describe("turns of handshakes", () => {
  test("answer as many as a turn of the event loop has time for, in order, and the others in the next ones", () => {
    const { handshakes, add, turn, turns } = scene();
    for (let name = 0; name < 10; name++) add(name, 3);
    assert.deepEqual([turn(), turn()], [[], [0, 1, 2]]);
    assert.equal(handshakes.size, 7);
    add(10, 3);
    assert.deepEqual([turn(), turn(), turn(), turn()], [[3, 4, 5], [6, 7, 8], [9, 10], []]);
    assert.equal(turns.length, 0, "no turn is asked for while nobody waits");
  });

  test("answer nobody before more was read: who gave up has said so by then", () => {
    const { handshakes, add, turn } = scene();
    add(0, 1);
    assert.deepEqual([turn(), handshakes.size], [[], 1], "this turn may have read before it came");
    add(1, 1);
    assert.deepEqual([turn(), turn()], [[0], [1]]);
  });

  test("answer at least one, however long it takes", () => {
    const { add, turn } = scene();
    add(0, 500);
    add(1, 500);
    assert.deepEqual([turn(), turn(), turn()], [[], [0], [1]]);
  });

  test("leave turns to those who connect, of whom each turn accepts one, but not all of them", () => {
    const { handshakes, add, turn } = scene();
    for (let name = 0; name < 3; name++) add(name, 5);
    const answeredIn = (turns: number) =>
      Array.from({ length: turns }, () => {
        handshakes.accepted();
        return turn();
      }).flat();
    assert.deepEqual(answeredIn(64), []);
    assert.deepEqual(answeredIn(1), [0, 1], "those who wait get their turn though connections keep coming");
    assert.deepEqual(answeredIn(1), []);
    assert.deepEqual(turn(), [2], "nobody connects any more");
  });

  test("are full when as many wait as may", () => {
    const { handshakes, add, turn } = scene(2);
    add(0, 1);
    assert.equal(handshakes.isFull, false);
    add(1, 1);
    assert.equal(handshakes.isFull, true);
    turn();
    turn();
    assert.equal(handshakes.isFull, false);
  });
});
