import { describe, expect, it } from 'vitest';
import { cores } from '../../src/kernels/register.js';
import type { AdamOptions } from '../../src/kernels/row-adam/step.js';
import { expectClose, FORWARD, golden } from './numbers.js';

const golden32 = golden<
  AdamOptions & {
    dense: { param: number[]; grads: number[][]; after: number[] };
    rows: { dim: number; table: number[]; steps: { rows: number[]; grad: number[]; table: number[] }[] };
  }
>('adam');
const { dense, rows: sparse, ...options } = golden32;

function stateOf(values: readonly number[]) {
  return {
    table: Float32Array.from(values),
    m: new Float32Array(values.length),
    v: new Float32Array(values.length),
  };
}

export function describeRowAdam(): void {
  describe('adam', () => {
    it('agrees with AdamW of PyTorch', () => {
      const { table: param, m, v } = stateOf(dense.param);
      dense.grads.forEach((grad, i) => {
        cores().adam({ param, m, v, grad: Float32Array.from(grad), step: i + 1, ...options });
      });
      expectClose(param, dense.after, FORWARD);
    });

    it('moves by the learning rate against the sign of a first gradient', () => {
      const { table: param, m, v } = stateOf([1, 1, 1]);
      const plain = { ...options, learningRate: 0.1, weightDecay: 0 };
      cores().adam({ param, m, v, grad: Float32Array.of(5, -0.01, 0), step: 1, ...plain });
      expectClose(param, [0.9, 1.1, 1], FORWARD);
    });
  });

  describe('rowAdam', () => {
    it('agrees with SparseAdam of PyTorch', () => {
      const state = stateOf(sparse.table);
      sparse.steps.forEach(({ rows, grad, table }, i) => {
        cores().rowAdam({
          ...state,
          dim: sparse.dim,
          rows: Int32Array.from(rows),
          grad: Float32Array.from(grad),
          step: i + 1,
          ...options,
          weightDecay: 0,
        });
        expectClose(state.table, table, FORWARD);
      });
    });

    it('is dense Adam when every row is touched, in any order of rows', () => {
      const values = [1, 2, 3, 4, 5, 6];
      const lazy = stateOf(values);
      const full = stateOf(values);
      for (let step = 1; step <= 3; step++) {
        const grad = Float32Array.from(values, (x) => Math.sin(x * step));
        const reordered = Float32Array.of(...grad.subarray(4, 6), ...grad.subarray(0, 4));
        cores().rowAdam({ ...lazy, dim: 2, rows: Int32Array.of(2, 0, 1), grad: reordered, step, ...options });
        cores().adam({ param: full.table, m: full.m, v: full.v, grad, step, ...options });
      }
      expect(lazy).toEqual(full);
    });

    it('leaves value and moments of untouched rows alone, weight decay or not', () => {
      const state = stateOf([1, 2, 3, 4]);
      const touch = { dim: 2, rows: Int32Array.of(1), grad: Float32Array.of(1, 1), ...options };
      cores().rowAdam({ ...state, ...touch, step: 1 });
      cores().rowAdam({ ...state, ...touch, step: 7 });
      expect([...state.table.subarray(0, 2), ...state.m.subarray(0, 2), ...state.v.subarray(0, 2)]).toEqual([
        1, 2, 0, 0, 0, 0,
      ]);
      expect(state.table[2]).not.toBe(3);
    });

    it('does nothing for no rows', () => {
      const state = stateOf([1, 2]);
      cores().rowAdam({ ...state, dim: 2, rows: new Int32Array(0), grad: new Float32Array(0), step: 1, ...options });
      expect(state).toEqual(stateOf([1, 2]));
    });

    it('refuses rows out of range, arrays of the wrong length and steps below 1', () => {
      const step = {
        ...stateOf([1, 2, 3, 4]),
        dim: 2,
        rows: Int32Array.of(1),
        grad: new Float32Array(2),
        step: 1,
        ...options,
      };
      const refused = (changed: Partial<typeof step>, code: string) =>
        expect(() => cores().rowAdam({ ...step, ...changed })).toThrow(expect.objectContaining({ code }));
      refused({ rows: Int32Array.of(2) }, 'ERR_INDEX');
      refused({ rows: Int32Array.of(-1) }, 'ERR_INDEX');
      refused({ grad: new Float32Array(4) }, 'ERR_SHAPE');
      refused({ m: new Float32Array(2) }, 'ERR_SHAPE');
      refused({ step: 0 }, 'ERR_RANGE');
    });
  });

  describe('gatherRows', () => {
    it('copies rows of a table in the order asked for', () => {
      const out = new Float32Array(4);
      cores().gatherRows(Float32Array.of(1, 2, 3, 4, 5, 6), 2, Int32Array.of(2, 0), out);
      expect([...out]).toEqual([5, 6, 1, 2]);
    });

    it('refuses rows that do not exist', () => {
      const table = Float32Array.of(1, 2);
      expect(() => cores().gatherRows(table, 2, Int32Array.of(1), new Float32Array(2))).toThrow(
        expect.objectContaining({ code: 'ERR_INDEX' }),
      );
    });
  });
}
