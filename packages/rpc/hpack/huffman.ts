import { HpackError } from "./hpack-error.ts";
import { endOfString, huffmanCodes, huffmanLengths } from "./huffman-code.ts";

/** Room that a decoded text needs: the shortest code has five bits, and the last step may write a byte in vain. */
export function decodedBytesMax(codedBytes: number): number {
  return Math.floor((codedBytes * 8) / 5) + 2;
}

/**
 * Decodes a text, RFC 7541 §5.2, eight bits at a time.
 * @param out has room for `decodedBytesMax`
 * @returns how many bytes were written, from 0 on
 * @throws HpackError when the text contains EOS, or its padding has more than seven bits or a zero
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let written = 0;
  let step = mayEnd;
  let seen = 0;
  for (let position = start; position < end; position++) {
    step = steps[(step & nodeMask) | (bytes[position] as number)] as number;
    seen |= step;
    // Both bytes without asking whether there are any: a branch that nobody can predict costs more.
    out[written] = step >> 16;
    out[written + 1] = step >> 24;
    written += step & countMask;
  }
  if (seen & containsEnd) throw new HpackError("a Huffman-coded text contains EOS");
  if (!(step & mayEnd))
    throw new HpackError("a Huffman-coded text ends within a code: its padding is not up to seven ones");
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

/**
 * A step: from an inner node of the code's tree by eight bits to the next. It says
 *   bits 0–1    how many bytes it completes
 *   bit 2       whether it passes EOS
 *   bit 3       whether the text may end after it: at the root, or up to seven ones below
 *   bits 8–15   the node
 *   bits 16–31  the bytes, the first one lower
 * and is found under the number of its node and its eight bits. All of them take 256 KB, of which texts in ASCII use a
 * tenth; half as many bits a step would take 16 KB and 1.7 times as long.
 */
const countMask = 0x3;
const containsEnd = 0x4;
const mayEnd = 0x8;
const nodeMask = 0xff00;

/** Two children for each of the 256 inner nodes, the root being 0: an inner node, or ~symbol. */
const tree = growTree();
const steps = tabulateSteps();

function growTree(): Int16Array {
  const children = new Int16Array(512);
  let nodes = 1;
  for (const [symbol, code] of huffmanCodes.entries()) {
    let node = 0;
    for (let bit = (huffmanLengths[symbol] as number) - 1; bit > 0; bit--) {
      const child = childOf(node, code >> bit);
      if (children[child] === 0) children[child] = nodes++;
      node = children[child] as number;
    }
    children[childOf(node, code)] = ~symbol;
  }
  return children;
}

function childOf(node: number, bit: number): number {
  return node * 2 + (bit & 1);
}

function tabulateSteps(): Int32Array {
  const table = new Int32Array(256 * 256);
  for (let index = 0; index < table.length; index++) table[index] = walk(index >> 8, index & 0xff);
  return table;
}

function walk(from: number, bits: number): number {
  let node = from;
  let step = 0;
  let completed = 0;
  for (let bit = 7; bit >= 0; bit--) {
    const child = tree[childOf(node, bits >> bit)] as number;
    if (child >= 0) {
      node = child;
      continue;
    }
    if (~child === endOfString) step |= containsEnd;
    else step |= ~child << (16 + 8 * completed++);
    node = 0;
  }
  return step | (node << 8) | (isEnding(node) ? mayEnd : 0) | completed;
}

function isEnding(node: number): boolean {
  let ending = 0;
  for (let ones = 0; ones <= 7; ones++) {
    if (ending === node) return true;
    ending = tree[childOf(ending, 1)] as number;
  }
  return false;
}
