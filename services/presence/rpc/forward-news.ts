import { type CallContext, type ResponseStream, RpcError } from "@realchat/presence-rpc";
import { rpcError } from "./rpc-error.ts";

/** What a stream tells, message by message. */
interface NewsWatcher<News> {
  /** @returns undefined when closed */
  next(limit: number): Promise<News | undefined>;
  close(): void;
}

/** Things told in one message; more wait for the next. */
const newsMax = 500;

/**
 * Sends what a watcher tells until the reader is gone, or the node goes away. Each message waits until the reader has taken
 * the one before.
 */
export async function forwardNews<News, Message>(
  open: () => NewsWatcher<News>,
  messageOf: (news: News) => Message,
  responses: ResponseStream<Message>,
  call: CallContext,
): Promise<void> {
  const watcher = opened(open);
  const close = () => watcher.close();
  call.signal.addEventListener("abort", close, { once: true });
  try {
    for (let news = await watcher.next(newsMax); news !== undefined; news = await watcher.next(newsMax)) {
      if (!responses.write(messageOf(news))) await responses.drained();
    }
  } finally {
    close();
    call.signal.removeEventListener("abort", close);
  }
  if (!call.signal.aborted) throw new RpcError("UNAVAILABLE", "this node is going away: watch again, from another");
}

function opened<Watcher>(open: () => Watcher): Watcher {
  try {
    return open();
  } catch (error) {
    throw rpcError(error);
  }
}
