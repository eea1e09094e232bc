import type { Socket } from "node:net";

/**
 * Ends a connection with a RST. Not while its own FIN is under way: libuv then refuses, Node takes the socket for closed
 * nevertheless and tells no `close`, and the process turns for ever on its way out. Such a one is destroyed.
 */
export function resetConnection(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
