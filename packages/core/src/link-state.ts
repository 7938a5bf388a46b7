/** What a link is for. The consuming link carries topology and deliveries and never publishes. */
export type LinkRole = 'publish' | 'consume';

/**
 * Life of one link (one TCP connection, made again whenever it is lost).
 *
 *   connecting ──opened──▶ open ──lost──▶ waiting ──retry──▶ connecting
 *        └───────failed───────────────────▲
 *   any phase ──close──▶ closed            (terminal)
 *
 * `generation` counts successful opens. A channel, consumer tag or delivery tag belongs to exactly one
 * generation and means nothing in the next.
 */
export type LinkState =
  | { readonly phase: 'connecting'; readonly generation: number; readonly attempt: number }
  | { readonly phase: 'open'; readonly generation: number; readonly host: string }
  | { readonly phase: 'waiting'; readonly generation: number; readonly attempt: number; readonly cause: Error }
  | { readonly phase: 'closed'; readonly generation: number };

export type StateListener = (now: LinkState, before: LinkState) => void;

export type Unsubscribe = () => void;

export type LinkEvent =
  | { readonly type: 'opened'; readonly host: string }
  | { readonly type: 'failed' | 'lost'; readonly cause: Error }
  | { readonly type: 'retry' }
  | { readonly type: 'close' };

export const initialLinkState: LinkState = { phase: 'connecting', generation: 0, attempt: 1 };

/** Pure. Anything after `close` is too late to matter and changes nothing; anything else unexpected is a bug. */
export function transition(state: LinkState, event: LinkEvent): LinkState {
  if (state.phase === 'closed') return state;
  const { generation } = state;
  if (event.type === 'close') return { phase: 'closed', generation };

  switch (state.phase) {
    case 'connecting':
      if (event.type === 'opened') return { phase: 'open', generation: generation + 1, host: event.host };
      if (event.type === 'failed') return { phase: 'waiting', generation, attempt: state.attempt, cause: event.cause };
      break;
    case 'open':
      if (event.type === 'lost') return { phase: 'waiting', generation, attempt: 0, cause: event.cause };
      break;
    case 'waiting':
      if (event.type === 'retry') return { phase: 'connecting', generation, attempt: state.attempt + 1 };
      break;
    default:
      state satisfies never;
  }
  throw new Error(`bug: "${event.type}" while "${state.phase}"`);
}

/** From worst to best: what is reported for a connection of two links. */
const worstFirst = ['closed', 'waiting', 'connecting', 'open'] as const;

export function worseOf(one: LinkState, other: LinkState): LinkState {
  return worstFirst.indexOf(one.phase) <= worstFirst.indexOf(other.phase) ? one : other;
}
