import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type HclBlock, readHcl } from '../../../testing/hcl-reader.ts'
import { infrastructureRequest } from '../../../testing/infrastructure-request.ts'
import { awsModule } from './clouds/aws.ts'
import { gcpModule } from './clouds/gcp.ts'
import { openStackModule } from './clouds/openstack.ts'

type Arguments = Readonly<Record<string, 'required' | 'optional' | { readonly is: string; readonly block: object }>>

/** What a provider's schema says of a resource or data source, as in `resource aws_vpc`. */
interface ProviderType {
  readonly arguments: Arguments
  /** Names that only the cloud fills in. */
  readonly exported: readonly string[]
}

interface ProviderSchema {
  readonly provider: string
  readonly version: string
  readonly types: Readonly<Record<string, ProviderType>>
}

/** What every resource may say, whatever its provider. */
const metaArguments = ['count', 'for_each', 'depends_on']
const metaBlocks = ['lifecycle']

function readModule(name: string): readonly HclBlock[] {
  const folder = join(import.meta.dirname, 'modules', name)
  return readdirSync(folder).flatMap((file) => readHcl(readFileSync(join(folder, file), 'utf8')))
}

function readSchema(name: string): ProviderSchema {
  return JSON.parse(readFileSync(join(import.meta.dirname, `../../../testing/provider-${name}.json`), 'utf8'))
}

/** What a block says that its schema does not know, and what it must say and does not. */
function faultsOf(block: HclBlock, schema: Arguments, at: string): readonly string[] {
  const isBlock = (name: string) => typeof schema[name] === 'object'
  const fields = Object.keys(block.fields).filter((name) => !metaArguments.includes(name))
  const blocks = block.blocks.filter((one) => !metaBlocks.includes(one.type))
  const said = [...fields, ...blocks.map((one) => one.type)]
  const missing = Object.entries(schema)
    .filter(([name, one]) => (typeof one === 'object' ? one.is : one) === 'required' && !said.includes(name))
    .map(([name]) => `${at} lacks ${name}`)
  const unknown = fields.filter((name) => schema[name] === undefined).map((name) => `${at} knows no ${name}`)
  const inner = blocks.flatMap((one) => {
    const described = schema[one.type]
    if (!isBlock(one.type) || typeof described !== 'object') return [`${at} knows no block ${one.type}`]
    return faultsOf(one, described.block as Arguments, `${at}.${one.type}`)
  })
  return [...missing, ...unknown, ...inner]
}

const kinds = ['resource', 'data']

/** References to attributes that the type of the resource does not have. */
function wrongReferences(module: string, schema: ProviderSchema): readonly string[] {
  const folder = join(import.meta.dirname, 'modules', module)
  const text = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  const pattern = /\b(data\.)?([a-z]+_[a-z_]+)\.\w+(?:\[[^\]]*\])?\.([a-z_]+)/g
  return [...text.matchAll(pattern)].flatMap(([whole, data, type = '', attribute = '']) => {
    const known = schema.types[`${data === undefined ? 'resource' : 'data'} ${type}`]
    if (known === undefined) return []
    return known.exported.includes(attribute) || attribute in known.arguments ? [] : [whole]
  })
}

describe.each([
  ['aws', 'aws'],
  ['gcp', 'google'],
])('the module %s', (module, provider) => {
  const schema = readSchema(provider)
  const blocks = readModule(module).filter((block) => kinds.includes(block.type))

  it('says of each resource what its provider knows and needs', () => {
    expect(blocks.length).toBeGreaterThan(8)
    const faults = blocks.flatMap((block) => {
      const [type = '', name = ''] = block.labels
      const known = schema.types[`${block.type} ${type}`]
      return known === undefined ? [`there is no ${type}`] : faultsOf(block, known.arguments, `${type}.${name}`)
    })
    expect(faults).toEqual([])
  })

  it('refers to attributes that there are', () => {
    expect(wrongReferences(module, schema)).toEqual([])
  })

  it('asks for the provider and a version that the schema is of', () => {
    const terraform = readModule(module).find((block) => block.type === 'terraform')
    const [required] = terraform?.blocks.filter((block) => block.type === 'required_providers') ?? []
    const said = Object.values(required?.fields ?? {}).join()
    expect(said).toContain(`"${schema.provider}"`)
    expect(said).toContain(`"~> ${schema.version.split('.').slice(0, 2).join('.')}"`)
  })
})

describe.each([
  [
    'openstack',
    openStackModule({ findExisting: async () => ({}), removeLeftovers: async () => {} }),
    { configuration: { floatingPoolName: 'x' } },
    ['router', 'network', 'subnet', 'securityGroup', 'securityGroupName', 'floatingNetwork', 'keyName'],
  ],
  [
    'aws',
    awsModule(),
    {
      zones: ['a'],
      configuration: {
        networks: { vpc: { id: 'v' }, zones: [{ name: 'a', workers: '1', internal: '2', public: '3' }] },
      },
    },
    ['vpc', 'subnet', 'securityGroup', 'keyName', 'instanceProfile', 'nodesRole'],
  ],
  [
    'gcp',
    gcpModule(),
    { secret: { projectID: 'p' }, configuration: { networks: { cloudNAT: { minPortsPerVM: 64 } } } },
    ['network', 'subnetwork', 'internalSubnetwork', 'cloudRouter', 'serviceAccountEmail'],
  ],
])('the module %s and the engine', (name, cloud, changes, outputs) => {
  const blocks = readModule(name)
  const variables = blocks.filter((block) => block.type === 'variable')

  it('agree on the folder and on what goes in', () => {
    expect(cloud.module).toBe(name)
    const given = Object.keys(cloud.variables(infrastructureRequest(changes)))
    const known = variables.map((block) => block.labels[0] ?? '')
    expect(known).toEqual(expect.arrayContaining(given))
    const needed = variables.filter((block) => block.fields.default === undefined).map((block) => block.labels[0])
    expect(given).toEqual(expect.arrayContaining(needed))
  })

  it('agree on what comes out', () => {
    const said = blocks.filter((block) => block.type === 'output').map((block) => block.labels[0])
    expect([...said].sort()).toEqual([...outputs].sort())
    const values = Object.fromEntries(said.map((output) => [output ?? '', 'x']))
    expect(Object.keys(cloud.outputs(values)).map((key) => key.split('/')[0])).toEqual(expect.arrayContaining(outputs))
  })

  it('describe every variable and output, and keep credentials out of them', () => {
    const described = blocks.filter((block) => block.type === 'variable' || block.type === 'output')
    expect(described.filter((block) => block.fields.description === undefined)).toEqual([])
    const names = described.map((block) => block.labels[0] ?? '').join()
    expect(names).not.toMatch(/password|secret|token|credential|private/i)
  })
})
