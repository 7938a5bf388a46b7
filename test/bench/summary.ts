import { type Figure, figureNames, type RatioName, ratioOf, type Sample } from './figures.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** One library in one round: what it measured, or why it did not. */
export type Round = { readonly sample: Sample } | { readonly error: string };

/** What a cell and a library are in a line of JSON. */
export interface Subject {
  readonly workload: string;
  /** `none` on the null broker. */
  readonly queueType: 'quorum' | 'classic' | 'none';
  readonly bodyBytes: number;
  readonly library: string;
  readonly libraryVersion: string;
  /** RabbitMQ's, for example `4.3`. */
  readonly release: string;
  /** Processor, cores, operating system, Node. */
  readonly machine: string;
  /** ISO 8601, the day. */
  readonly date: string;
}

/** What all rounds say of one library in one cell. */
export interface Summary extends Subject {
  readonly rounds: number;
  readonly spreads: Readonly<Partial<Record<Figure | RatioName, Spread>>>;
  /** Why a round failed, the first that did. Figures are of the others. */
  readonly error?: string;
  readonly failedRounds?: number;
}

/** @param baseline the rounds of raw amqplib: a ratio is to the same round's */
export function summarize(subject: Subject, rounds: readonly Round[], baseline: readonly Round[]): Summary {
  const spreads: Partial<Record<Figure | RatioName, Spread>> = {};
  for (const figure of figureNames) {
    const values = rounds.flatMap((round) => figureOf(round, figure));
    if (values.length > 0) spreads[figure] = spreadOf(values);
    const ratio = ratioOf(figure);
    const ratios = rounds.flatMap((round, index) => {
      const [base] = figureOf(baseline[index], figure);
      return base === undefined || base <= 0 ? [] : figureOf(round, figure).map((value) => value / base);
    });
    if (ratio !== undefined && ratios.length > 0) spreads[ratio] = spreadOf(ratios);
  }
  const errors = rounds.flatMap((round) => ('error' in round ? [round.error] : []));
  const [error] = errors;
  const failure = error === undefined ? {} : { error, failedRounds: errors.length };
  return { ...subject, rounds: rounds.length, spreads, ...failure };
}

function figureOf(round: Round | undefined, figure: Figure): number[] {
  if (round === undefined || 'error' in round) return [];
  const value = round.sample[figure];
  return value === undefined ? [] : [value];
}
