import { eventually } from '@surehop/testing';
import { deadLetterQueue, orders, placed } from './assignment.ts';
import { operate } from './operator.ts';
import { type Heal, type Inject, nothingToHeal, type World } from './world.ts';

export const connectionsClosed: Inject = async (world) => {
  const found = await operate(world, 'GET', ['connections', 'username', world.broker.credentials.username]);
  const names = ((found ?? []) as { name: string }[]).map(({ name }) => name);
  await Promise.all(names.map((name) => operate(world, 'DELETE', ['connections', name])));
  return nothingToHeal;
};

export const exchangeDeleted: Inject = async (world) => {
  await operate(world, 'DELETE', ['exchanges', world.vhost.name, placed.name]);
  return nothingToHeal;
};

export const retryExchangeDeleted: Inject = async (world) => {
  await operate(world, 'DELETE', ['exchanges', world.vhost.name, `${orders.name}.retry`]);
  return nothingToHeal;
};

export const bindingDeleted: Inject = async (world) => {
  const path = ['bindings', world.vhost.name, 'e', placed.name, 'q', orders.name, 'order'];
  await operate(world, 'DELETE', path);
  return nothingToHeal;
};

export const delayQueueFull: Inject = (world) => full(world, String.raw`^orders\.retry\.\d+$`);

export const workQueueFull: Inject = (world) => full(world, '^orders$');

export const deadLetterQueueFull: Inject = (world) => full(world, `^${deadLetterQueue.replace('.', '[.]')}$`);

/** A cluster may be without a majority meanwhile. */
const liftsWithinMs = 120_000;

async function full(world: World, pattern: string): Promise<Heal> {
  const path = ['policies', world.vhost.name, 'full'];
  const lift = async (): Promise<void> => void (await operate(world, 'DELETE', path));
  try {
    await operate(world, 'PUT', path, { pattern, definition: { 'max-length': 1 } });
  } catch (error) {
    await eventually(lift, liftsWithinMs); // a node that did not answer in time may have done it
    throw error;
  }
  return lift;
}
