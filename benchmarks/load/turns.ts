import { systemClock as clock } from "@realchat/presence-runtime/clock";

/** Whose heartbeat is next. */
export type NextOf<Item> = () => Item;

/**
 * As gateways that embed the SDK send heartbeats: each has a part of the sessions, chance decides which, and takes them in
 * the order in which they were registered, evenly spread over the period (packages/client/sessions/heartbeat-ring.ts).
 * Where in its row a gateway begins is chance, too.
 */
export function inRings<Item>(items: readonly Item[], gateways = 16): NextOf<Item> {
  const rows: Item[][] = Array.from({ length: gateways }, () => []);
  for (const item of items) rows[Math.floor(clock.random() * gateways)]?.push(item);
  const due = rows.flatMap((row) => {
    const phase = clock.random();
    return row.map((item, place) => ({ item, at: (place / row.length + phase) % 1 }));
  });
  due.sort((one, other) => one.at - other.at);
  return repeatedly(due.map(({ item }) => item));
}

/** Each in its turn, in an order that has nothing to do with that of their registration. */
export function inTurn<Item>(items: readonly Item[]): NextOf<Item> {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(clock.random() * (last + 1));
    [order[last], order[other]] = [order[other] as Item, order[last] as Item];
  }
  return repeatedly(order);
}

function repeatedly<Item>(order: readonly Item[]): NextOf<Item> {
  let turn = 0;
  return () => {
    if (turn === order.length) turn = 0;
    return order[turn++] as Item;
  };
}

/** Anyone at any time: nothing that was cached for the last heartbeat is of use for the next. */
export function atRandom<Item>(items: readonly Item[]): NextOf<Item> {
  return () => items[Math.floor(clock.random() * items.length)] as Item;
}
