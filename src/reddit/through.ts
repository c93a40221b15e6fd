import type { Transform } from 'node:stream';

/**
 * What `transform` makes of `chunks`. The next chunk is asked for only when the one before has been consumed, so that a
 * generator of chunks can look at the transform's counters between two of them.
 */
export async function* through(transform: Transform, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const write = (chunk: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const stop = (): void => reject(new Error('the reader stopped')); // the callback never comes then
      transform.once('close', stop);
      transform.write(chunk, (error) => {
        transform.off('close', stop);
        if (error) reject(error);
        else resolve();
      });
    });
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) await write(chunk);
    transform.end();
  };
  const fed = feed();
  fed.catch((error: Error) => transform.destroy(error));
  transform.on('error', () => undefined); // thrown below, by the loop or by `fed`
  try {
    for await (const chunk of transform) yield chunk as Buffer;
    await fed;
  } finally {
    transform.destroy(); // where a consumer stops early: the pending write fails, which ends `feed`
  }
}
