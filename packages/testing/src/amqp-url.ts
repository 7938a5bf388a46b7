import type { Credentials } from './credentials.ts';

/** The path is the virtual host, escaped: `/` becomes `%2F`. */
export function amqpUrl(host: string, port: number, { username, password }: Credentials, vhost: string): string {
  const login = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
  return `amqp://${login}@${host}:${port}/${encodeURIComponent(vhost)}`;
}
