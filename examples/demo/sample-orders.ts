// Prints made-up orders, always the same, one JSON object a line:
//
//   node examples/demo/sample-orders.ts > examples/demo/sample.ndjson             the shipped sample, 1,200 of them
//   node examples/demo/sample-orders.ts 10000 | npm run --silent demo -- -        more of them
import { once } from 'node:events';

interface Order {
  readonly id: string;
  readonly placedAt: string;
  readonly customer: { readonly name: string; readonly email: string };
  readonly items: readonly { readonly sku: string; readonly quantity: number; readonly price: number }[];
  readonly total: number;
}

const firstNames = ['Ada', 'Björn', 'Chiara', 'Dao', 'Elif', 'Femi', 'Grace', 'Hana', 'Ivo', 'Jun', 'Kofi', 'Lucía'];
const lastNames = ['Ampofo', 'Berg', 'Conti', 'Duarte', 'Eriksen', 'Fischer', 'García', 'Haddad', 'Ito', 'Jansen'];
const shelf = {
  'BOOK-0142': 24.9,
  'LAMP-0031': 89,
  'TEA-0207': 7.5,
  'MUG-0118': 12.4,
  'DESK-0009': 349,
  'PEN-0555': 3.2,
};
const opening = Date.UTC(2026, 0, 5, 8);

/** Pure: the first `count` orders of a shop that never changes. */
export function* sampleOrders(count: number): Generator<Order> {
  const random = mulberry32(20_260_105);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  let placedAt = opening;
  for (let index = 0; index < count; index += 1) {
    placedAt += Math.floor(random() * 90_000);
    const [first, last] = [pick(firstNames), pick(lastNames)];
    const items = Array.from({ length: 1 + Math.floor(random() ** 2 * 3) }, () => {
      const [sku, price] = pick(Object.entries(shelf));
      return { sku, quantity: 1 + Math.floor(random() ** 3 * 4), price };
    });
    const total = items.reduce((sum, { quantity, price }) => sum + quantity * price, 0);
    yield {
      id: `A-${100_001 + index}`,
      placedAt: new Date(placedAt).toISOString(),
      customer: { name: `${first} ${last}`, email: `${asciiOf(first)}.${asciiOf(last)}@example.com` },
      items,
      total: Math.round(total * 100) / 100,
    };
  }
}

function asciiOf(name: string): string {
  return name
    .normalize('NFD')
    .replace(/[^a-z]/gi, '')
    .toLowerCase();
}

/** A small generator of random numbers in [0, 1) that starts from a seed (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const count = Number(process.argv[2] ?? 1_200);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`COUNT must be a whole number, got ${process.argv[2]}`);
  for (const order of sampleOrders(count)) {
    if (!process.stdout.write(`${JSON.stringify(order)}\n`)) await once(process.stdout, 'drain');
  }
}
