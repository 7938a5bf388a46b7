/** What JSON.parse tells its reviver in every Node that this package runs on; not in the types yet. */
interface WithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}

const decimal = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i;
/** So many digits every double keeps apart. */
const digitsKept = 15;
/** In a JSON text: there may be a number that a double does not hold. */
const mayBeLong = /[\d.]{16}|e[+-]?\d{3}/i;

/** A number of more digits than a double keeps, as it was written. */
class LongNumber {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type ExactNumber = number | bigint | LongNumber;

export function isNumeric(value: unknown): value is ExactNumber {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof LongNumber;
}

/** @param text decimal digits, with a sign, a point and an exponent where it has them */
export function exactly(text: string): ExactNumber {
  const { digits, magnitude } = partsOf(text);
  return digits.length <= digitsKept && Math.abs(magnitude) < 300 ? Number(text) : new LongNumber(text);
}

/** As JSON.parse, but for numbers that a double does not hold. */
export function parseExactly(text: string): unknown {
  if (!mayBeLong.test(text)) return JSON.parse(text);
  return (JSON as unknown as WithSource).parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? exactly(source) : value,
  );
}

/** Below, equal or above 0; undefined for what is no number. */
export function compareNumbers(one: ExactNumber, other: ExactNumber): number | undefined {
  if (typeof one === 'number' && typeof other === 'number') {
    return Number.isNaN(one) || Number.isNaN(other) ? undefined : signOf(one, other);
  }
  if (isInfinite(one) || isInfinite(other)) return signOf(Number(one), Number(other));
  const [left, right] = [partsOf(String(one)), partsOf(String(other))];
  if (left.sign !== right.sign) return signOf(left.sign, right.sign);
  const size = signOf(left.magnitude, right.magnitude) || signOf(left.digits, right.digits);
  return left.sign * size;
}

function isInfinite(value: ExactNumber): boolean {
  return typeof value === 'number' && !Number.isFinite(value);
}

interface Parts {
  readonly sign: -1 | 0 | 1;
  /** Without zeros before and behind. */
  readonly digits: string;
  /** Where the point is: the value is `0.digits` times ten to the power of this. */
  readonly magnitude: number;
}

function partsOf(text: string): Parts {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = decimal.exec(text) ?? [];
  const all = (whole + fraction).replace(/0+$/, '');
  const digits = all.replace(/^0+/, '');
  if (digits === '') return { sign: 0, digits, magnitude: 0 };
  const magnitude = whole.length - (all.length - digits.length) + Number(exponent);
  return { sign: sign === '-' ? -1 : 1, digits, magnitude };
}

function signOf<T extends number | string>(one: T, other: T): -1 | 0 | 1 {
  return one < other ? -1 : one > other ? 1 : 0;
}
