import { GrpcClient, protobuf } from 'google-gax/fallback'
import descriptors from './generated/compute-descriptors.json' with { type: 'json' }
import type { ComputeService } from './methods.ts'

/** How the client sends a request: ours, with credentials, limits and failures. */
interface Transport {
  fetch(url: string, options: RequestInit & { readonly headers: Headers }): Promise<Response>
  getRequestHeaders(): Promise<Headers>
}

type ClientOptions = Exclude<ConstructorParameters<typeof GrpcClient>[0], undefined>
type StubOptions = Parameters<InstanceType<typeof GrpcClient>['createStub']>[1]

const root = protobuf.Root.fromJSON(descriptors.root)

/**
 * Google's own REST client of one service of the Compute API, made of its runtime and of its message definitions (decision 25). To be imported lazily: this module loads both.
 */
export async function openService(
  service: ComputeService,
  auth: Transport,
  where: { readonly servicePath: string; readonly port?: number; readonly protocol?: string },
): Promise<never> {
  const client = new GrpcClient({ fallback: true, auth } as unknown as ClientOptions)
  return (await client.createStub(
    root.lookupService(`google.cloud.compute.v1.${service}`),
    where as StubOptions,
  )) as never
}
