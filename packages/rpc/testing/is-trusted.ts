import { connect } from "node:tls";

/**
 * Whether somebody who connects now, and trusts this authority alone, accepts the certificate of a gRPC server.
 * @param ca PEM
 */
export function isTrusted(address: string, ca: string): Promise<boolean> {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), ca, servername: "localhost", ALPNProtocols: ["h2"] }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
