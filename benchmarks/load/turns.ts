import { systemClock as clock } from "@realchat/presence-runtime/clock";

/** Whose heartbeat is next. */
export type NextOf<Item> = () => Item;

/** Each in its turn, always in the same order: heartbeats have a period. Which order that is, chance decides. */
export function inTurn<Item>(items: readonly Item[]): NextOf<Item> {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(clock.random() * (last + 1));
    [order[last], order[other]] = [order[other] as Item, order[last] as Item];
  }
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
