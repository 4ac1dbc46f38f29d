/** The package has no types of its own: these are the parts that `client.ts` uses. */
declare module 'openstack-client' {
  /** What the package takes for a token: only the catalogue is its business here. */
  export interface LibraryToken {
    readonly token: string
    readonly catalog: readonly unknown[]
  }
  type Parameters = Readonly<Record<string, unknown>> | undefined
  type Headers = Readonly<Record<string, string>> | undefined
  /** The verbs of one resource; bodies are wrapped and answers unwrapped where the API has a word around them. */
  export interface LibraryResource {
    list(token: LibraryToken, region: string, params?: Parameters, headers?: Headers): Promise<unknown>
    create(token: LibraryToken, region: string, body: unknown, params?: Parameters, headers?: Headers): Promise<unknown>
    show(token: LibraryToken, region: string, id: string, params?: Parameters, headers?: Headers): Promise<unknown>
    update(token: LibraryToken, region: string, id: string, body: unknown, params?: Parameters): Promise<unknown>
    del(token: LibraryToken, region: string, id: string, body: null, params?: Parameters): Promise<unknown>
  }
  interface Library {
    readonly nova: Readonly<Record<'server' | 'serverDetail' | 'flavorDetail' | 'keypair', LibraryResource>>
    readonly neutron: Readonly<
      Record<
        'network' | 'port' | 'subnet' | 'router' | 'floatingip' | 'securityGroup' | 'securityGroupRule',
        LibraryResource
      >
    >
    readonly glance: Readonly<Record<'image', LibraryResource>>
    /** Describes one more resource: verbs by name, each an HTTP method and a path below the resource's. */
    defres(
      service: string,
      path: string,
      singular: string | readonly [string | null, string] | null,
      verbs?: Readonly<Record<string, unknown>>,
    ): LibraryResource & Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>
  }
  const library: Library
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS, which is imported as its default
  export default library
}

declare module 'openstack-client/lib/util.js' {
  /** What the package sends. */
  export interface LibraryRequest {
    readonly url: string
    readonly token: unknown
    readonly params?: Readonly<Record<string, unknown>>
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
  }
  /** One function for each HTTP method; what they resolve with is a body and headers. */
  const methods: Record<
    'get' | 'post' | 'put' | 'patch' | 'del' | 'head',
    (request: LibraryRequest) => Promise<{ readonly body: unknown; readonly header: unknown }>
  >
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS, which is imported as its default
  export default methods
}
