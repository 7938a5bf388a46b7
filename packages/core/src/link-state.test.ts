import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { initialLinkState, type LinkEvent, type LinkState, transition, worseOf } from './link-state.ts';

const cause = new Error('cut');
const events: readonly LinkEvent[] = [
  { type: 'opened', host: 'a:1' },
  { type: 'failed', cause },
  { type: 'lost', cause },
  { type: 'retry' },
  { type: 'close' },
];
/** What may happen in which phase: everything else is a bug of ours. */
const possible: Record<LinkState['phase'], readonly LinkEvent['type'][]> = {
  connecting: ['opened', 'failed', 'close'],
  open: ['lost', 'close'],
  waiting: ['retry', 'close'],
  closed: ['opened', 'failed', 'lost', 'retry', 'close'],
};

describe('the life of a link', () => {
  test('every phase takes the events that can happen in it and calls any other a bug', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (walk) => {
        let state: LinkState = initialLinkState;
        for (const event of walk) {
          if (possible[state.phase].includes(event.type)) state = transition(state, event);
          else expect(() => transition(state, event)).toThrow('bug');
        }
      }),
    );
  });

  test('the generation grows by one with each opening and never otherwise', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), fc.nat({ max: 40 }), (choices, steps) => {
        let state: LinkState = initialLinkState;
        for (let step = 0; step < steps; step += 1) {
          const choice = choices.next().value as number;
          const allowed = events.filter(({ type }) => possible[state.phase].includes(type));
          const event = allowed[choice % allowed.length] as LinkEvent;
          const next = transition(state, event);
          const opened = next.phase === 'open' && state.phase === 'connecting';
          expect(next.generation).toBe(state.generation + (opened ? 1 : 0));
          state = next;
        }
      }),
    );
  });

  test('nothing leads out of closed', () => {
    const closed = transition(initialLinkState, { type: 'close' });
    for (const event of events) expect(transition(closed, event)).toBe(closed);
  });

  test('of two links the worse one speaks for both', () => {
    const open: LinkState = { phase: 'open', generation: 2, host: 'a:1' };
    const waiting: LinkState = { phase: 'waiting', generation: 1, attempt: 0, cause };
    expect(worseOf(open, waiting)).toBe(waiting);
    expect(worseOf(waiting, initialLinkState)).toBe(waiting);
    expect(worseOf(initialLinkState, open)).toBe(initialLinkState);
  });
});
