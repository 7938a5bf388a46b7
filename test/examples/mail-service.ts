import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Mail {
  /** The Idempotency-Key of the request. */
  readonly key: string;
  readonly to: string;
  readonly subject: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export interface MailAnswer {
  readonly status: number;
  readonly retryAfter?: string;
}

/** A mail service that remembers what it was asked to send, and answers as it was told. */
export class MailService implements AsyncDisposable {
  readonly #server: Server;
  readonly #mails: Mail[] = [];
  readonly #answers = new Map<string, readonly MailAnswer[]>();
  readonly #held = new Map<string, Promise<void>>();

  static async start(): Promise<MailService> {
    const service = new MailService();
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/send`;
  }

  mailsFor(key: string): readonly Mail[] {
    return this.#mails.filter((mail) => mail.key === key);
  }

  /** The first request of a key gets the first answer, and so on; the last one stays. */
  answer(key: string, answers: readonly MailAnswer[]): void {
    this.#answers.set(key, answers);
  }

  /** Leaves requests of a key without an answer until the returned function is called. */
  hold(key: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(key, promise);
    return resolve;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const key = String(request.headers['idempotency-key']);
    const answers = this.#answers.get(key) ?? [{ status: 404 }];
    const answer = answers[Math.min(this.mailsFor(key).length, answers.length - 1)];
    this.#mails.push({ key, at: Date.now(), ...JSON.parse(Buffer.concat(chunks).toString()) });
    await this.#held.get(key);
    response.writeHead(answer?.status ?? 404, answer?.retryAfter ? { 'retry-after': answer.retryAfter } : {}).end();
  }
}
