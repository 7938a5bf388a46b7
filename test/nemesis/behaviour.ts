import { Chance } from './chance.ts';

/** What one message makes its handler do. It stands in the body, so that a dead letter tells what was to be expected. */
export type Behaviour =
  | 'work'
  | 'fail once'
  | 'fail twice'
  | 'fail always'
  | 'retry later'
  | 'dead letter'
  | 'hang'
  | 'malformed'
  | 'poison';

/** The body of every message that is not malformed. */
export interface Order {
  readonly number: number;
  readonly does: Behaviour;
  readonly padding: string;
}

/** Per 100,000 messages; the rest just work. Poison is no matter of chance: the schedule sends it. */
const shares: readonly (readonly [Behaviour, number])[] = [
  ['fail once', 800],
  ['fail twice', 200],
  ['fail always', 100],
  ['retry later', 300],
  ['dead letter', 100],
  ['hang', 10],
  ['malformed', 20],
];

/** The same number does the same in every run of a seed. */
export function behaviourOf(seed: number, number: number): Behaviour {
  let drawn = new Chance(`${seed}:${number}`).next() * 100_000;
  for (const [behaviour, share] of shares) {
    drawn -= share;
    if (drawn < 0) return behaviour;
  }
  return 'work';
}

/** How a message of this behaviour ends in the dead-letter queue, by what its handler does; the others never do. */
const deaths: Readonly<Partial<Record<Behaviour, string>>> = {
  'fail always': 'failed',
  'dead letter': 'dead-letter',
  malformed: 'undecodable',
  poison: 'delivery-limit',
};

export function mayDie(does: Behaviour, reason: string): boolean {
  return deaths[does] === reason;
}
