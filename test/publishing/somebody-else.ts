import type { Vhost } from '@surehop/testing';

/** Declares a durable queue, as somebody else would. */
export async function declareRawQueue(
  vhost: Vhost,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<void> {
  await put(vhost, `queues/${encodeURIComponent(vhost.name)}/${encodeURIComponent(name)}`, {
    durable: true,
    arguments: args,
  });
}

/** Declares a durable exchange, as somebody else would. */
export async function declareRawExchange(
  vhost: Vhost,
  name: string,
  options: { readonly type: string; readonly internal?: boolean },
): Promise<void> {
  const body = { durable: true, ...options };
  await put(vhost, `exchanges/${encodeURIComponent(vhost.name)}/${encodeURIComponent(name)}`, body);
}

export async function bindRaw(vhost: Vhost, exchange: string, queue: string, routingKey: string): Promise<void> {
  const path = [vhost.name, 'e', exchange, 'q', queue].map(encodeURIComponent).join('/');
  await call(vhost, 'POST', `bindings/${path}`, { routing_key: routingKey });
}

/** Which routing keys of a topic exchange a user may write to. */
export async function permitTopic(vhost: Vhost, username: string, exchange: string, write: string): Promise<void> {
  const path = `topic-permissions/${encodeURIComponent(vhost.name)}/${encodeURIComponent(username)}`;
  await put(vhost, path, { exchange, write, read: '.*' });
}

function put(vhost: Vhost, path: string, body: unknown): Promise<void> {
  return call(vhost, 'PUT', path, body);
}

async function call({ managementUrl, credentials }: Vhost, method: string, path: string, body: unknown): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  const headers = { authorization, 'content-type': 'application/json' };
  const response = await fetch(`${managementUrl}/api/${path}`, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}
