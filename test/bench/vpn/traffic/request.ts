/** What a connection to the traffic server is for: its first line, as JSON. */
export interface TrafficRequest {
  readonly mode: 'sink' | 'source' | 'echo'
  /** How long is measured, after the warm-up in which windows grow. */
  readonly seconds: number
  readonly warmUpSeconds: number
}

/** A proxy that is asked by HTTP CONNECT over TLS with certificates on both sides, as an API server asks konnectivity. Files are PEM. */
export interface ConnectProxy {
  readonly host: string
  readonly port: number
  readonly caFile: string
  readonly certificateFile: string
  readonly keyFile: string
}

/** What the traffic client is told: its only argument, as JSON. */
export interface ClientRequest extends TrafficRequest {
  readonly address: string
  readonly port: number
  readonly proxy?: ConnectProxy
}

/** What the traffic client prints: rate of a stream, or the middle of many round trips. */
export interface ClientResult {
  readonly mbitPerSecond?: number
  readonly roundTripMs?: number
}

/** Size of a block that is handed to the kernel at a time. */
export const blockBytes = 128 * 1024
