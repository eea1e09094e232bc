import { type CallCredentials, ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";

/** What TLS needs, as PEM texts. */
export interface PemTexts {
  /** Who signed the server's certificate; absent: whom Node trusts. */
  readonly ca?: string;
  /** For mutual TLS, both. */
  readonly certificate?: string;
  readonly key?: string;
}

/**
 * @param tls `{}`: TLS with what Node trusts; undefined: no TLS
 * @param current asked before every connection, where certificates are replaced: what to use instead from now on
 */
export function channelCredentials(tls: PemTexts | undefined, current?: () => PemTexts): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return current === undefined ? secureCredentials(tls) : new CurrentCredentials(current);
}

function secureCredentials(tls: PemTexts): ChannelCredentials {
  const bytes = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.certificate));
}

type Target = Parameters<ChannelCredentials["_createSecureConnector"]>[0];
type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** Reads the certificates anew for every connection; grpc-js has the like for files alone. */
class CurrentCredentials extends ChannelCredentials {
  readonly #current: () => PemTexts;

  constructor(current: () => PemTexts) {
    super();
    this.#current = current;
  }

  _isSecure(): boolean {
    return true;
  }

  _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(target: Target, options: ChannelOptions, callCredentials?: CallCredentials): Connector {
    const now = () => secureCredentials(this.#current())._createSecureConnector(target, options, callCredentials);
    const first = now();
    return {
      connect: (socket) => now().connect(socket),
      waitForReady: () => first.waitForReady(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy: () => first.destroy(),
    };
  }
}
