/**
 * What became of a connection. `passed`: it has reached a server. `unknown-name`, `nameless`, `malformed`: its hello. `late`: none came in time, or it went before. `limit`: there were too many.
 * `unreachable`: no server of that name took it.
 */
export type ConnectionResult = 'passed' | 'unknown-name' | 'nameless' | 'malformed' | 'late' | 'limit' | 'unreachable'

/** What has happened on the TLS side since the start, and how many connections there are. */
export interface TlsCounts {
  readonly open: number
  readonly results: Readonly<Record<ConnectionResult, number>>
  /** Bytes of connections that have ended. */
  readonly bytes: Readonly<Record<'toServer' | 'toClient', number>>
}

/** All zero. */
export function createConnectionResults(): Record<ConnectionResult, number> {
  return { passed: 0, 'unknown-name': 0, nameless: 0, malformed: 0, late: 0, limit: 0, unreachable: 0 }
}
