/** Encodes and decodes one message type; what ts-proto generates with `outputPartialMethods`. */
interface MessageType<Message = unknown, Partial = unknown> {
  encode(message: Message): { finish(): Uint8Array };
  decode(input: Uint8Array): Message;
  fromPartial(partial: Partial): Message;
}

/** One method of a service; what ts-proto generates with `outputServices=generic-definitions`. */
export interface MethodDefinition {
  readonly name: string;
  // Method syntax in MessageType makes each generated type fit here.
  readonly requestType: MessageType;
  readonly requestStream: boolean;
  readonly responseType: MessageType;
  readonly responseStream: boolean;
}

export interface ServiceDefinition {
  /** With its package, such as `realchat.presence.v1.PresenceApi`. */
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}
