import { type LinkMethod, popularityOf } from './method.js';

/** The same subreddits for everybody, most users first. Any method must beat it. */
export const popularity: LinkMethod = {
  name: 'popularity',
  fit(train) {
    const users = Float32Array.from(popularityOf(train));
    return () => (begin, end) => {
      const scores = new Float32Array((end - begin) * users.length);
      for (let u = 0; u < end - begin; u++) scores.set(users, u * users.length);
      return scores;
    };
  },
};
