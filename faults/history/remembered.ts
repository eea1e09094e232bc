import type { History } from "./history.ts";

/** Works out once for each history what many ask for. A history does not change any more when it is judged. */
export function rememberedOf<Value>(workOut: (history: History) => Value): (history: History) => Value {
  const ofNothing = remembered((_: undefined, history) => workOut(history));
  return (history) => ofNothing(undefined, history);
}

/** As rememberedOf, for each key. */
export function remembered<Key, Value>(
  workOut: (key: Key, history: History) => Value,
): (key: Key, history: History) => Value {
  const known = new WeakMap<History, Map<Key, Value>>();
  return (key, history) => {
    const ofHistory = known.get(history) ?? new Map<Key, Value>();
    known.set(history, ofHistory);
    const value = ofHistory.get(key) ?? workOut(key, history);
    ofHistory.set(key, value);
    return value;
  };
}
