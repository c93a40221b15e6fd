/** A point of a learning curve: named numbers at a step. */
export interface ScalarEvent {
  readonly step: number;
  readonly wallTime: number; // s since 1970
  readonly scalars: Readonly<Record<string, number>>; // tag → value, kept as float32
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});

/** CRC-32C (Castagnoli) of bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32C[(crc ^ byte) & 0xff];
  return ~crc >>> 0;
}

/** A whole TensorBoard event file; its name must contain `tfevents`. Records are framed like TFRecord, events are protobuf. */
export function tensorboardEvents(events: readonly ScalarEvent[]): Buffer {
  return Buffer.concat([text(3, 'brain.Event:2'), ...events.map(encodeEvent)].map(record));
}

function encodeEvent({ step, wallTime, scalars }: ScalarEvent): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    message(1, Buffer.concat([text(1, tag), float(2, value)])),
  );
  return Buffer.concat([double(1, wallTime), varintField(2, step), message(5, Buffer.concat(values))]);
}

function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, masked(length), data, masked(data)]);
}

function masked(bytes: Buffer): Buffer {
  const crc = crc32c(bytes);
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return out;
}

// protobuf: a field is its number and wire type (0 varint, 1 eight bytes, 2 length first, 5 four bytes), then its value

function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(9);
  out[0] = (field << 3) | 1;
  out.writeDoubleLE(value, 1);
  return out;
}

function float(field: number, value: number): Buffer {
  const out = Buffer.alloc(5);
  out[0] = (field << 3) | 5;
  out.writeFloatLE(value, 1);
  return out;
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([field << 3]), varint(value)]);
}

function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varint(content.length), content]);
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value, 'utf8'));
}

/** @param value whole, in [0, 2^53) */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) | 128);
    if (rest < 128) return Buffer.from(bytes);
  }
}
