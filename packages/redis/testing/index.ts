export { assertTwins, assertTwinsIn } from "./script-twins.ts";
