export { assertTwins } from "./script-twins.ts";
