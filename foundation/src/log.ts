import { destination, type LevelWithSilent, pino } from 'pino'

/** A named logger that is handed down, never imported. Fields come first, then one constant sentence. */
export interface Log {
  debug(fields: object, sentence: string): void
  info(fields: object, sentence: string): void
  warn(fields: object, sentence: string): void
  error(fields: object, sentence: string): void
  /** A logger that adds these fields to every line. */
  child(fields: object): Log
}

/** Keys whose values never reach a log, at any depth up to three. */
const secretKeys = [
  'userData',
  'token',
  'privateKey',
  'presharedKey',
  'kubeconfig',
  'password',
  'secret',
  'data',
  'stringData',
]

/** A logger that writes JSON lines to standard error. Level from `level`, `info` unless told. */
export function createLog(name: string, level: LevelWithSilent = 'info'): Log {
  return pino(
    {
      name,
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
    },
    destination({ fd: 2, sync: true }),
  )
}

/** A logger that says nothing: for tests. */
export function createSilentLog(): Log {
  const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
  return log
}
