/** Whole numbers below `end`, the same ones for the same seed (the multiplier is Lehmer's). */
export function seeded(seed: number): (end: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (end) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % end;
  };
}

export function shuffled<T>(items: readonly T[], below: (end: number) => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(below(left.length), 1)[0] as T);
}
