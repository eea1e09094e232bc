/** Sequences of frames that a server did not survive once, after the preface; each as `showFrame` shows its frames. */
export const found: Readonly<Record<string, readonly string[]>> = {
  "PRIORITY of a wrong size on a stream that was reset: a second RST_STREAM": [
    "SETTINGS flags 0x0 stream 0: ",
    "HEADERS flags 0x5 stream 1: 8386",
    "PRIORITY flags 0x0 stream 1: ",
    "PING flags 0x0 stream 0: 0000000000000001",
  ],
  "a reset while the answer to GET waits for a window: fewer than no streams open": [
    "SETTINGS flags 0x0 stream 0: 000400000000",
    "HEADERS flags 0x5 stream 1: 828684",
    "RST_STREAM flags 0x0 stream 1: 00000008",
  ],
};
