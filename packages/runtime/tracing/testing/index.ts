export { type ReceivedSpan, startOtlpReceiver, type TestOtlpReceiver } from "./otlp-receiver.ts";
export { startedSpans } from "./started-spans.ts";
