import { generate } from 'selfsigned';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: Certificate;
  /** For localhost and 127.0.0.1. */
  readonly server: Certificate;
  /** Its common name is the user `device-7`. */
  readonly client: Certificate;
}

/** A certificate authority of our own, with a server and a client that it vouches for. */
export async function makeCertificates(): Promise<Certificates> {
  const options = { keyType: 'ec', algorithm: 'sha256' } as const;
  const ca = pair(
    await generate([{ name: 'commonName', value: 'surehop test CA' }], {
      ...options,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true },
      ],
    }),
  );
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...options,
    ca,
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  const client = await generate([{ name: 'commonName', value: 'device-7' }], {
    ...options,
    ca,
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', clientAuth: true },
    ],
  });
  return { ca, server: pair(server), client: pair(client) };
}

function pair(generated: { readonly cert: string; readonly private: string }): Certificate {
  return { cert: generated.cert, key: generated.private };
}
