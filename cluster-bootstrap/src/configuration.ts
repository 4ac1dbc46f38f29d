import { configurationPath, readJsonFile } from '@trellis/foundation/configuration-file'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }

/** Schema of the file that `--config` names. */
export const configurationSchema = Type.Object(
  {
    namespace: Type.String({ minLength: 1, description: 'Namespace that this process runs in; its lease is there.' }),
    seedName: Type.String({ minLength: 1, description: 'Shoots of this seed are looked after, and no others.' }),
    garden: Type.Optional(
      Type.Object(
        { kubeconfig: Type.Optional(Type.String({ minLength: 1, description: 'File; the pod itself when absent.' })) },
        closed,
      ),
    ),
    cloud: Type.Object(
      {
        credentials: Type.String({
          minLength: 1,
          description: 'Directory with the files endpoint, token and caBundle; handed on to the controllers of shoots.',
        }),
      },
      closed,
    ),
    images: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
      description: 'References of the images that shoots are made of, by name.',
    }),
    nodeAgent: Type.Optional(
      Type.Object(
        {
          url: Type.String({ pattern: '^https?://[^\\s\'"]+$', description: 'Address of the executable.' }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Its SHA-256, in hexadecimal.' }),
        },
        {
          ...closed,
          description:
            'Where machines of public clouds get the node agent from; when absent, their images must have it.',
        },
      ),
    ),
    infrastructure: Type.Optional(
      Type.Object(
        {
          engine: Type.Unsafe<'opentofu' | 'sdk'>({
            type: 'string',
            enum: ['opentofu', 'sdk'],
            description: 'Engine of the networks of new shoots on clouds that OpenTofu has a module for.',
          }),
          program: Type.String({ minLength: 1, description: 'Path of the tofu program.' }),
          providersDirectory: Type.String({ minLength: 1, description: 'Filesystem mirror of its providers.' }),
          modulesDirectory: Type.String({ minLength: 1, description: 'Directory with a module for each cloud.' }),
        },
        {
          ...closed,
          description:
            'Where the parts of OpenTofu are. Shoots stay with the engine that began them, so with engine sdk OpenTofu is still there for those that it began.',
        },
      ),
    ),
    helm: Type.String({ minLength: 1, description: 'Path of the helm program.' }),
    chartsDirectory: Type.String({ minLength: 1, description: 'Directory with a folder for each chart.' }),
    concurrency: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Shoots at once; 20 unless told.' }),
    ),
    healthPort: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description: '8080 unless told.' })),
    logLevel: Type.Optional(
      Type.Unsafe<'debug' | 'info' | 'warn' | 'error'>({ type: 'string', enum: ['debug', 'info', 'warn', 'error'] }),
    ),
    features: Type.Optional(
      Type.Object(
        {
          dnsUpstream: Type.Optional(
            Type.String({
              description: 'Where the DNS of shoots asks for names outside; the resolv.conf of the node unless told.',
            }),
          ),
          tunnelDoor: Type.Optional(
            Type.String({
              pattern: '^[A-Za-z0-9.-]{1,253}$',
              description:
                'Name or IPv4 address of the front door of the seed (chart front-door), which the tunnels of all shoots dial; each has a load balancer of its own unless told.',
            }),
          ),
          httpConnect: Type.Optional(
            Type.Boolean({
              description:
                'Whether API servers reach their shoots by http-connect, instead of sharing a pod with the tunnel.',
            }),
          ),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** What the process is told at its start. */
export type Configuration = Static<typeof configurationSchema>

const parser = createParser(configurationSchema, 'configuration of cluster-bootstrap')

/** Checks a configuration; throws `Invalid` that names the first wrong field. */
export function parseConfiguration(input: unknown): Configuration {
  return parser.parse(input)
}

/** Reads the configuration that `--config FILE` names among the arguments. */
export async function readConfiguration(args: readonly string[]): Promise<Configuration> {
  return parseConfiguration(await readJsonFile(configurationPath(args)))
}
