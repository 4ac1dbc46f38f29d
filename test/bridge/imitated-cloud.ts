/** A private network of an imitated cloud. */
export interface ImitatedNetwork {
  /** RFC 1123 label. */
  readonly name: string
  readonly cidr: string
}

/** A server that an imitated cloud says it has. */
export interface ImitatedServer {
  /** RFC 1123 label, the same as long as it lives. */
  readonly name: string
  readonly network: string
  readonly address: string
}

/** Packets to `destination` go to a server. */
export interface ImitatedRoute {
  readonly network: string
  readonly destination: string
  /** Name of the server. */
  readonly server: string
}

/** All that matters of an imitated cloud at one moment. */
export interface ImitatedWorld {
  readonly networks: readonly ImitatedNetwork[]
  readonly servers: readonly ImitatedServer[]
  readonly routes: readonly ImitatedRoute[]
}

/** A cloud whose API is there and whose servers are not. */
export interface ImitatedCloud {
  observe(signal: AbortSignal): Promise<ImitatedWorld>
}
