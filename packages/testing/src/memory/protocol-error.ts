/** The broker's answer to what it refuses: it closes the channel, or the whole connection. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: number;
  /** For example `NOT_FOUND - no queue 'orders' in vhost '/'`. */
  readonly text: string;
  readonly closes: 'channel' | 'connection';

  constructor(code: keyof typeof names, what: string, closes: ProtocolError['closes'] = 'channel') {
    const text = `${names[code]} - ${what}`;
    super(text);
    this.code = code;
    this.text = text;
    this.closes = closes;
  }

  /** As amqplib words it in its errors. */
  get described(): string {
    return `${this.code} (${(names[this.code as keyof typeof names] ?? '').replace('_', '-')}) with message "${this.text}"`;
  }
}

const names = {
  320: 'CONNECTION_FORCED',
  403: 'ACCESS_REFUSED',
  404: 'NOT_FOUND',
  406: 'PRECONDITION_FAILED',
  530: 'NOT_ALLOWED',
  540: 'NOT_IMPLEMENTED',
} as const;
