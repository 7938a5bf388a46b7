import { type Contract, contractKey, contractOf, definitionOf } from './contract-definition.ts';

/** The contracts of the messages in the file, each as it was last seen: in the file, or with a publish of this process. */
export class ContractShelf {
  readonly #definitions: Map<string, string>;
  /** Those that the file does not have like this. */
  readonly #unwritten = new Map<string, string>();
  /** Of this process, looked at already. */
  readonly #seen = new WeakSet<Contract>();
  readonly #encoded = new Map<string, Contract | undefined>();

  constructor(stored: readonly (readonly [key: string, definition: string])[]) {
    this.#definitions = new Map(stored);
  }

  add(contract: Contract): void {
    if (this.#seen.has(contract)) return;
    this.#seen.add(contract);
    const key = contractKey(contract);
    const definition = definitionOf(contract);
    if (this.#definitions.get(key) === definition) return;
    this.#definitions.set(key, definition);
    this.#unwritten.set(key, definition);
    for (const known of this.#encoded.keys()) if (known.startsWith(`${key}\n`)) this.#encoded.delete(known);
  }

  /** The contract for bodies that are encoded; undefined for one that is not known, or cannot be understood. */
  encoded(key: string, contentType: string): Contract | undefined {
    const known = `${key}\n${contentType}`;
    if (!this.#encoded.has(known)) this.#encoded.set(known, this.#make(key, contentType));
    return this.#encoded.get(known);
  }

  get unwritten(): readonly (readonly [key: string, definition: string])[] {
    return [...this.#unwritten];
  }

  /** They are in the file now. */
  written(contracts: readonly (readonly [key: string, definition: string])[]): void {
    for (const [key, definition] of contracts) {
      if (this.#unwritten.get(key) === definition) this.#unwritten.delete(key);
    }
  }

  #make(key: string, contentType: string): Contract | undefined {
    const definition = this.#definitions.get(key);
    if (definition === undefined) return undefined;
    try {
      return contractOf(definition, contentType);
    } catch {
      return undefined;
    }
  }
}
