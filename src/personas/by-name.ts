/** Names remembered at the most; a corpus has fewer subreddits that matter. */
const MAX_NAMES = 200_000;

/** A function of a name that remembers its answers: millions of users meet in the same few thousand communities. */
export function byName<T>(answer: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  return (name) => {
    if (known.has(name)) return known.get(name) as T;
    if (known.size >= MAX_NAMES) known.clear();
    const found = answer(name);
    known.set(name, found);
    return found;
  };
}
