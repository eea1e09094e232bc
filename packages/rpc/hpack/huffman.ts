import { HpackError } from "./hpack-error.ts";
import { endOfString, huffmanCodes, huffmanLengths } from "./huffman-code.ts";

/** At most so many bytes come of so many coded ones: the shortest code has five bits. */
export function decodedBytesMax(codedBytes: number): number {
  return Math.floor((codedBytes * 8) / 5);
}

/**
 * Decodes a text, RFC 7541 §5.2, four bits at a time.
 * @param out has room for `decodedBytesMax`
 * @returns how many bytes were written, from 0 on
 * @throws HpackError when the text contains EOS, or its padding has more than seven bits or a zero
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let written = 0;
  let node = 0;
  let seen = 0;
  for (let position = start; position < end; position++) {
    const byte = bytes[position] as number;
    let step = steps[(node << 4) | (byte >> 4)] as number;
    seen |= step;
    if (step & emits) out[written++] = step >> 16;
    step = steps[((step & 0xff) << 4) | (byte & 15)] as number;
    seen |= step;
    if (step & emits) out[written++] = step >> 16;
    node = step & 0xff;
  }
  if (seen & fails) throw new HpackError("a Huffman-coded text contains EOS");
  if (!paddingNodes.includes(node)) throw new HpackError("a Huffman-coded text is not padded with up to seven ones");
  return written;
}

/**
 * Bytes of a text once it is coded, padding included.
 * @throws RangeError when a character is not a byte
 */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    if (symbol > 0xff) throw new RangeError(`${JSON.stringify(text[i])} at ${i} is not a byte: encode the text first`);
    bits += huffmanLengths[symbol] as number;
  }
  return (bits + 7) >> 3;
}

/**
 * Codes a text of one-byte characters.
 * @param out has room for `huffmanLength` from `position` on
 * @returns the position after it
 */
export function encodeHuffman(text: string, out: Uint8Array, position: number): number {
  let next = position;
  let pending = 0;
  let pendingBits = 0; // at most 7, so that half a code, 16 bits, can be appended
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const code = huffmanCodes[symbol] as number;
    const bits = huffmanLengths[symbol] as number;
    if (bits > 16) append(code >>> 16, bits - 16);
    append(code & 0xffff, Math.min(bits, 16));
  }
  if (pendingBits > 0) append(0xff >>> pendingBits, 8 - pendingBits);
  return next;

  function append(code: number, bits: number): void {
    pending = (pending << bits) | code;
    pendingBits += bits;
    for (; pendingBits >= 8; pendingBits -= 8) out[next++] = pending >>> (pendingBits - 8);
    pending &= 0xff;
  }
}

/** One step for each inner node of the code's tree and each four bits: the node to go to, flags, and a byte. */
const emits = 0x100;
const fails = 0x200;

const tree = growTree();
const steps = tabulateSteps();
const paddingNodes = nodesOfPadding();

/** Two children for each of the 256 inner nodes, the root being 0: an inner node, or ~symbol. */
function growTree(): Int16Array {
  const children = new Int16Array(512);
  let nodes = 1;
  for (const [symbol, code] of huffmanCodes.entries()) {
    let node = 0;
    for (let bit = (huffmanLengths[symbol] as number) - 1; bit > 0; bit--) {
      const child = node * 2 + ((code >> bit) & 1);
      if (children[child] === 0) children[child] = nodes++;
      node = children[child] as number;
    }
    children[node * 2 + (code & 1)] = ~symbol;
  }
  return children;
}

function tabulateSteps(): Int32Array {
  const table = new Int32Array(256 * 16);
  for (let index = 0; index < table.length; index++) table[index] = walk(index >> 4, index & 15);
  return table;
}

function walk(from: number, bits: number): number {
  let node = from;
  let outcome = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = tree[node * 2 + ((bits >> bit) & 1)] as number;
    if (child < 0) outcome |= ~child === endOfString ? fails : emits | (~child << 16);
    node = Math.max(child, 0);
  }
  return outcome | node;
}

/** Where a text may end: at the root, or up to seven ones below it. */
function nodesOfPadding(): readonly number[] {
  const nodes = [0];
  for (let ones = 1; ones <= 7; ones++) nodes.push(tree[(nodes.at(-1) as number) * 2 + 1] as number);
  return nodes;
}
