import { figureNames, ratioOf } from './figures.ts';
import type { Spread } from './statistics.ts';
import type { Summary } from './summary.ts';

const names = figureNames.flatMap((figure) => [figure, ratioOf(figure) ?? []].flat());

/** One line: the median under the figure's own name, its ends under `…Min` and `…Max`. */
export function toLine({ spreads, ...subject }: Summary): string {
  const flat = names.flatMap((name) => {
    const spread = spreads[name];
    if (spread === undefined) return [];
    return [
      [name, short(spread.median)],
      [`${name}Min`, short(spread.min)],
      [`${name}Max`, short(spread.max)],
    ] as const;
  });
  return JSON.stringify({ ...subject, ...Object.fromEntries(flat) });
}

export function fromLine(line: string): Summary {
  const flat = JSON.parse(line) as Summary & Record<string, number>;
  const spreads: Partial<Record<(typeof names)[number], Spread>> = {};
  const subject: Record<string, unknown> = { ...flat };
  for (const name of names) {
    const { [name]: median, [`${name}Min`]: min, [`${name}Max`]: max } = flat;
    if (median === undefined || min === undefined || max === undefined) continue;
    spreads[name] = { median, min, max };
    for (const end of ['', 'Min', 'Max']) delete subject[`${name}${end}`];
  }
  return { ...subject, spreads } as unknown as Summary;
}

/** Four digits that mean something: more would be noise. */
function short(value: number): number {
  return Number(value.toPrecision(4));
}
