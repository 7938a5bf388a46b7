import { generateKeyPairSync, sign } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Credentials, connect } from '@surehop/core';
import { eventually, freePort } from '@surehop/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { privateBroker } from '../private-broker.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { keepingLogger } from './lines.ts';

const signing = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const { log } = keepingLogger();
let folder: string;
let certificates: Certificates;
let tlsPort: number;

/** A node with a TLS listener, logins by client certificate, and logins by token. */
const broker = privateBroker(async () => {
  // The releases of the matrix see no other folder than /tmp.
  folder = await mkdtemp('/tmp/surehop-secured-');
  certificates = await makeCertificates();
  tlsPort = await freePort();
  const files = {
    'ca.pem': certificates.ca.cert,
    'server.pem': certificates.server.cert,
    'server.key': certificates.server.key,
    'token.pem': signing.publicKey.export({ type: 'spki', format: 'pem' }) as string,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o644 });
  const config = `
listeners.ssl.1 = 127.0.0.1:${tlsPort}
ssl_options.cacertfile = ${folder}/ca.pem
ssl_options.certfile = ${folder}/server.pem
ssl_options.keyfile = ${folder}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
auth_backends.1 = internal
auth_backends.2 = rabbit_auth_backend_oauth2
auth_oauth2.resource_server_id = rabbitmq
auth_oauth2.default_key = test
auth_oauth2.signing_keys.test = ${folder}/token.pem
`;
  const plugins = ['rabbitmq_auth_mechanism_ssl', 'rabbitmq_auth_backend_oauth2'];
  // The broker may run as a user of its own.
  await chmod(folder, 0o755);
  return { config, plugins };
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('[tls]', () => {
  test('a certificate of nobody we trust is refused, at once, with its own code', async () => {
    const connecting = connect({ url: `amqps://guest:guest@127.0.0.1:${tlsPort}`, waitMs: 60_000, log });
    await expect(connecting).rejects.toMatchObject({ code: 'SUREHOP_TLS_UNTRUSTED', retryable: false });
  });

  test('a certificate for another host name is refused', async () => {
    const tls = { ca: certificates.ca.cert, servername: 'rabbit.example' };
    const connecting = connect({ url: `amqps://guest:guest@127.0.0.1:${tlsPort}`, tls, log });
    await expect(connecting).rejects.toMatchObject({ code: 'SUREHOP_TLS_UNTRUSTED' });
  });

  test('with the authority that signed it, all is well', async () => {
    const tls = { ca: certificates.ca.cert };
    await using rabbit = await connect({ url: `amqps://guest:guest@127.0.0.1:${tlsPort}`, tls, log });
    expect(rabbit.health().status).toBe('ok');
  });

  test("[credentials: 'external'] the client certificate is the login", async () => {
    await using vhost = await broker().vhost();
    const [node] = broker().nodes;
    await node?.ctl(['add_user', 'device-7', 'unused']);
    await node?.ctl(['set_permissions', '-p', vhost.name, 'device-7', '.*', '.*', '.*']);
    const { cert, key } = certificates.client;
    const tls = { ca: certificates.ca.cert, cert, key };
    const url = `amqps://localhost:${tlsPort}/${encodeURIComponent(vhost.name)}`;
    await using rabbit = await connect({ url, tls, credentials: 'external', log });
    expect(rabbit.state.phase).toBe('open');
    const without = connect({ url, tls: { ca: certificates.ca.cert }, credentials: 'external', log });
    await expect(without).rejects.toMatchObject({ code: 'SUREHOP_LOGIN_REFUSED' });
  });
});

describe('[credentials]', () => {
  test('a token is renewed before it runs out, and the connection outlives it', async () => {
    await using vhost = await broker().vhost();
    const lifeMs = 4_000;
    let asked = 0;
    const credentials = async (): Promise<Credentials> => {
      asked += 1;
      return { username: 'service', password: token(lifeMs), expiresInMs: lifeMs };
    };
    const kept = keepingLogger();
    await using rabbit = await connect({ url: vhost.url(), credentials, log: kept.log });
    const openedAt = performance.now();
    await eventually(() => expect(performance.now() - openedAt).toBeGreaterThan(2.5 * lifeMs), 3 * lifeMs);
    expect(rabbit.state).toMatchObject({ phase: 'open', generation: 1 });
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(kept.lines.filter(({ message }) => message === 'credentials were renewed').length).toBeGreaterThanOrEqual(4);
    expect(JSON.stringify(kept.lines)).not.toContain('eyJ');
  });

  test('a function that fails is told as a refused login that may pass', async () => {
    const credentials = (): Promise<Credentials> => Promise.reject(new Error('the vault is sealed'));
    const connecting = connect({ url: broker().url(), credentials, log });
    await expect(connecting).rejects.toMatchObject({ code: 'SUREHOP_LOGIN_REFUSED', retryable: true });
    await expect(connecting).rejects.toThrow('the vault is sealed');
  });
});

/** A JSON Web Token that lets do anything on this broker for a while. */
function token(lifeMs: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const scope = ['configure', 'write', 'read'].map((right) => `rabbitmq.${right}:*/*`);
  const exp = Math.floor((Date.now() + lifeMs) / 1_000);
  const payload = `${part({ alg: 'RS256', typ: 'JWT', kid: 'test' })}.${part({ sub: 'service', aud: 'rabbitmq', scope, exp })}`;
  return `${payload}.${sign('sha256', Buffer.from(payload), signing.privateKey).toString('base64url')}`;
}
