import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';

/** As much of a generated client as a schema without models has. */
export interface PrismaClient {
  $transaction<T>(work: (tx: Omit<PrismaClient, '$transaction' | '$disconnect'>) => Promise<T>): Promise<T>;
  $executeRawUnsafe(text: string, ...params: unknown[]): Promise<number>;
  $queryRawUnsafe<T>(text: string, ...params: unknown[]): Promise<T>;
  $disconnect(): Promise<void>;
}

interface Runtime {
  getPrismaClient(config: object): new (options: { adapter: PrismaPg }) => PrismaClient;
}

/** Not among the types of Node. */
interface Wasm {
  readonly WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };
}

const schema = 'generator client {\n  provider = "prisma-client"\n}\ndatasource db {\n  provider = "postgresql"\n}\n';

/**
 * Prisma's own runtime and driver adapter, with what `prisma generate` writes down for a schema without models: it needs
 * an engine that does not come from npm. Statements of ours go through `$queryRawUnsafe`, which knows no models.
 */
export function prismaClient(connectionString: string): PrismaClient {
  const { getPrismaClient } = createRequire(import.meta.url)('@prisma/client/runtime/client') as Runtime;
  const compiler = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';
  const Client = getPrismaClient({
    previewFeatures: [],
    clientVersion: '7.10.0',
    engineVersion: 'none',
    activeProvider: 'postgresql',
    inlineSchema: schema,
    runtimeDataModel: { models: {}, enums: {}, types: {} },
    parameterizationSchema: { strings: '[]', graph: 'AAAAAAAAAAAAAAAA' },
    compilerWasm: {
      getRuntime: () => import(`${compiler}.mjs`),
      getQueryCompilerWasmModule: async () => {
        const { wasm } = (await import(`${compiler}.wasm-base64.mjs`)) as { wasm: string };
        return new (globalThis as unknown as Wasm).WebAssembly.Module(Buffer.from(wasm, 'base64'));
      },
      importName: './query_compiler_fast_bg.js',
    },
  });
  return new Client({ adapter: new PrismaPg({ connectionString }) });
}
