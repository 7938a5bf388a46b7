import type { BindingDeclaration, DriverChannel, ExchangeDeclaration, QueueDeclaration } from './driver.ts';
import type { EntityState } from './health.ts';
import type { Topology } from './topology.ts';

/** Something that must stand on the broker, and what is known about it. */
export interface Entity {
  /** Kind and name, for example `queue "orders"`: unique. */
  readonly label: string;
  readonly what:
    | { readonly kind: 'queue'; readonly declaration: QueueDeclaration }
    | { readonly kind: 'exchange'; readonly declaration: ExchangeDeclaration }
    | { readonly kind: 'binding'; readonly declaration: BindingDeclaration }
    /** A queue that others declare: it is only checked. */
    | { readonly kind: 'existing queue'; readonly name: string };
  state: Exclude<EntityState, 'under-replicated'> | undefined;
  /** A quorum queue with fewer members online than the cluster could give it. */
  isUnderReplicated: boolean;
  /** The generation of the consuming link in which it was last asserted; 0 before that. */
  assertedIn: number;
  /** How often something spoke against it: it is asserted again before it is relied on. */
  doubts: number;
  /** How many of these doubts an assertion has answered. */
  answeredDoubts: number;
  /** Of a queue, how many messages were ready in it when it was last checked; undefined before that. */
  ready: number | undefined;
  /** Requests in a row without an answer in time. */
  unanswered: number;
  /** When it had to be made again, by our clock; undefined otherwise. */
  anewAt: number | undefined;
}

/** The parts of a topology, in the order in which they can be declared. */
export function entitiesOf(topology: Topology): Entity[] {
  const { exchanges, queues, bindings, existing } = topology;
  return [
    ...existing.map((name) => entity(queueLabel(name), { kind: 'existing queue', name })),
    ...exchanges.map((declaration) => entity(exchangeLabel(declaration.name), { kind: 'exchange', declaration })),
    ...queues.map((declaration) => entity(queueLabel(declaration.name), { kind: 'queue', declaration })),
    ...bindings.map((declaration) => entity(bindingLabel(declaration), { kind: 'binding', declaration })),
  ];
}

export function queueLabel(name: string): string {
  return `queue "${name}"`;
}

export function exchangeLabel(name: string): string {
  return `exchange "${name}"`;
}

export function sameDeclaration(one: Entity, other: Entity): boolean {
  return JSON.stringify(one.what) === JSON.stringify(other.what);
}

/** Has it asserted again; an assertion that runs already is none. */
export function doubt(entity: Entity): void {
  entity.doubts += 1;
}

export async function declare(channel: DriverChannel, { what }: Entity, signal: AbortSignal): Promise<void> {
  switch (what.kind) {
    case 'queue':
      return await channel.declareQueue(what.declaration, signal);
    case 'exchange':
      return await channel.declareExchange(what.declaration, signal);
    case 'binding':
      return await channel.bind(what.declaration, signal);
    case 'existing queue':
      await channel.checkQueue(what.name, signal);
      return;
  }
}

/** Passive: rejects with a 404 when it does not exist. A binding cannot be checked over AMQP. */
export async function check(channel: DriverChannel, entity: Entity, signal: AbortSignal): Promise<void> {
  const { what } = entity;
  switch (what.kind) {
    case 'queue':
      entity.ready = await channel.checkQueue(what.declaration.name, signal);
      return;
    case 'exchange':
      return await channel.checkExchange(what.declaration.name, signal);
    case 'existing queue':
      await channel.checkQueue(what.name, signal);
      return;
    case 'binding':
      return;
  }
}

function entity(label: string, what: Entity['what']): Entity {
  const nothingYet = { assertedIn: 0, doubts: 0, answeredDoubts: 0, ready: undefined, unanswered: 0 };
  return { label, what, state: undefined, isUnderReplicated: false, ...nothingYet, anewAt: undefined };
}

function bindingLabel({ exchange, queue, routingKey, arguments: args }: BindingDeclaration): string {
  const filter = Object.keys(args).length === 0 ? '' : ` ${JSON.stringify(args)}`;
  return `binding of queue "${queue}" to exchange "${exchange}" by "${routingKey}"${filter}`;
}
