import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isRefusal, type Refusal } from "./refusal.ts";
import { type Place, SocketLimits } from "./socket-limits.ts";

function limits() {
  return new SocketLimits({ socketsMax: 3, userMaxSockets: 1, addressMaxSockets: 2 });
}

function place(outcome: Place | Refusal): Place {
  assert.ok(!isRefusal(outcome));
  return outcome;
}

function reasonOf(outcome: Place | Refusal | undefined): string | undefined {
  return outcome !== undefined && isRefusal(outcome) ? `${outcome.status} ${outcome.reason}` : undefined;
}

describe("limits of sockets", () => {
  test("in total: the next socket is told to use another gateway", () => {
    const all = limits();
    for (const address of ["a", "b", "c"]) place(all.enter(address));
    assert.equal(reasonOf(all.enter("d")), "503 sockets_total");
    assert.equal(all.total, 3);
  });

  test("of an address, handshakes included, and free again when one is left", () => {
    const all = limits();
    const first = place(all.enter("a"));
    place(all.enter("a"));
    assert.equal(reasonOf(all.enter("a")), "429 sockets_of_address");
    first.leave();
    first.leave();
    place(all.enter("a"));
    assert.equal(reasonOf(all.enter("a")), "429 sockets_of_address");
  });

  test("of a user, from all addresses", () => {
    const all = limits();
    const first = place(all.enter("a"));
    assert.equal(first.assignUser("ada"), undefined);
    const second = place(all.enter("b"));
    assert.equal(reasonOf(second.assignUser("ada")), "429 sockets_of_user");
    second.leave();
    first.leave();
    assert.equal(place(all.enter("a")).assignUser("ada"), undefined);
    assert.equal(all.total, 1);
  });
});
