import { Field, type LineScanner, MAX_RECORDS, Outcome, RECORD_WORDS, WINDOW_BYTES } from './line-scanner.js';

/** A scanner that finds every line odd, so that all go through `JSON.parse`. */
export function createNewlineScanner(): LineScanner {
  const window = Buffer.alloc(WINDOW_BYTES);
  const records = new Uint32Array(MAX_RECORDS * RECORD_WORDS);
  return {
    window,
    records,
    numRecords: 0,
    numNames: 0,
    nameOf: () => '',
    run(begin, have, atEnd) {
      let numRecords = 0;
      while (begin < have && numRecords < MAX_RECORDS) {
        let newline = window.subarray(0, have).indexOf(0x0a, begin);
        if (newline === -1) {
          if (!atEnd) break;
          newline = have;
        }
        const end = newline > begin && window[newline - 1] === 0x0d ? newline - 1 : newline;
        const record = numRecords++ * RECORD_WORDS;
        records[record + Field.flags] = end === begin ? Outcome['empty-line'] : Outcome.odd;
        records[record + Field.begin] = begin;
        records[record + Field.end] = end;
        begin = Math.min(newline + 1, have);
      }
      (this as { numRecords: number }).numRecords = numRecords;
      return begin;
    },
  };
}
