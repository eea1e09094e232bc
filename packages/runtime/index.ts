export { type Cancel, type Clock, pause, systemClock } from "./clock.ts";
