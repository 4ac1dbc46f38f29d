import { createHash, randomBytes } from 'node:crypto'

/** The only source of chance in the house. */
export interface Random {
  /** `count` unpredictable bytes (predictable ones from a seeded source). */
  bytes(count: number): Buffer
  /** A number in [0, 1). */
  fraction(): number
  /** An integer in [0, limit), without bias. */
  integer(limit: number): number
  /** `length` characters, each drawn evenly from `alphabet` (lower-case letters and digits unless told). */
  text(length: number, alphabet?: string): string
  /** A source of its own for one consumer: draws here and there do not disturb each other. */
  child(name: string): Random
}

const lowerCaseAlphanumeric = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Chance from the operating system: fit for keys and tokens. */
export function createSystemRandom(): Random {
  const random: Random = fromBytes(
    (count) => randomBytes(count),
    () => random,
  )
  return random
}

/** Chance that repeats itself for the same seed: for simulations and tests, never for secrets. */
export function createSeededRandom(seed: string): Random {
  let counter = 0
  let pool = Buffer.alloc(0)
  const bytes = (count: number): Buffer => {
    while (pool.length < count) {
      pool = Buffer.concat([pool, createHash('sha256').update(`${seed}/${counter++}`).digest()])
    }
    const drawn = pool.subarray(0, count)
    pool = pool.subarray(count)
    return drawn
  }
  return fromBytes(bytes, (name) => createSeededRandom(`${seed}/${name}`))
}

function fromBytes(bytes: (count: number) => Buffer, child: (name: string) => Random): Random {
  const integer = (limit: number): number => {
    const range = 2 ** 32
    const ceiling = range - (range % limit)
    for (;;) {
      const draw = bytes(4).readUInt32LE()
      if (draw < ceiling) return draw % limit
    }
  }
  return {
    bytes,
    fraction: () => bytes(4).readUInt32LE() / 2 ** 32,
    integer,
    text: (length, alphabet = lowerCaseAlphanumeric) =>
      Array.from({ length }, () => alphabet[integer(alphabet.length)]).join(''),
    child,
  }
}
