import type { BrokerNode } from '@surehop/testing';
import type { World } from './world.ts';

type Method = 'GET' | 'PUT' | 'DELETE';

/** What has nodes to ask. */
type Ruled = Pick<World, 'broker'>;

const answersWithinMs = 5_000;

/**
 * Asks the nodes' management APIs in turn until one does it: any of them may be down, frozen or in a minority just now.
 *
 * @param path below `/api/`; its parts are escaped here
 * @param body sent with it, where there is one
 * @param query without its `?`
 * @returns its answer; undefined where there is none, or nothing of that name
 */
export async function operate(
  world: Ruled,
  method: Method,
  path: readonly string[],
  body?: unknown,
  query = '',
): Promise<unknown> {
  const failures: string[] = [];
  for (const node of world.broker.nodes) {
    try {
      return await operateOn(node, world, method, path, body, query);
    } catch (error) {
      failures.push(`${node.name}: ${String(error)}`);
    }
  }
  throw new Error(`no node does ${method} ${path.join('/')}: ${failures.join('; ')}`);
}

/** Asks this node. */
export async function operateOn(
  { managementUrl }: BrokerNode,
  { broker }: Ruled,
  method: Method,
  path: readonly string[],
  body: unknown,
  query = '',
): Promise<unknown> {
  const { username, password } = broker.credentials;
  const response = await fetch(`${managementUrl}/api/${path.map(encodeURIComponent).join('/')}?${query}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      'content-type': 'application/json',
      connection: 'close',
    },
    signal: AbortSignal.timeout(answersWithinMs),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.ok) return text === '' ? undefined : JSON.parse(text);
  if (response.status === 404) return undefined;
  throw new Error(`${response.status} ${text}`);
}
