import { describe, expect, it } from 'vitest';
import { crc32c, tensorboardEvents } from '../../src/artifacts/tensorboard.js';

describe('tensorboardEvents', () => {
  it('has the checksum of the standard', () => {
    expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283');
  });

  it('writes the bytes of the format, computed from its definition', () => {
    const version = '0f000000000000006d532b091a0d627261696e2e4576656e743a32fc985129';
    const loss = '1a00000000000000129bd82d09000000000000f03f10012a0d0a0b0a046c6f7373150000003f27f95db1';
    expect(tensorboardEvents([]).toString('hex')).toBe(version);
    const event = { wallTime: 1, step: 1, scalars: { loss: 0.5 } };
    expect(tensorboardEvents([event]).toString('hex')).toBe(version + loss);
  });

  it('frames records as TFRecord does', () => {
    const file = tensorboardEvents([{ step: 300, wallTime: 1.5, scalars: { loss: 0.25, 'validation/recall': 1 } }]);
    const records: Buffer[] = [];
    for (let at = 0; at < file.length; ) {
      const length = Number(file.readBigUInt64LE(at));
      records.push(file.subarray(at + 12, at + 12 + length));
      at += 16 + length;
    }
    expect(records).toHaveLength(2);
    expect(records[0].includes('brain.Event:2')).toBe(true);
    const event = records[1];
    expect(event.readDoubleLE(1)).toBe(1.5);
    expect([...event.subarray(9, 12)]).toEqual([0x10, 0xac, 0x02]); // field 2, 300 as a varint
    expect(event.includes('validation/recall')).toBe(true);
    expect(event.readFloatLE(event.indexOf('loss') + 5)).toBe(0.25);
  });
});
