import { ownershipTags } from '@trellis/cloudprovider/contract/tags'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import { blockDeviceSchema, checkBlockDevices } from './block-devices.ts'
import { checkLaunchOptions, launchOptionFields } from './launch-options.ts'
import { checkNetworkInterfaces, networkInterfaceSchema } from './network-interfaces.ts'
import { parseUnder } from './parse-under.ts'
import { flag, refuse, strictObject, tagMap, text } from './spec-schema.ts'

/** Schema of what a machine class of provider `AWS` says about its servers; fields are those of `mcm.gardener.cloud/v1alpha1`. */
export const providerSpecSchema = strictObject({
  apiVersion: Type.Optional(Type.String()),
  kind: Type.Optional(Type.String()),
  ami: text('Id of the machine image.'),
  region: Type.String({ pattern: '^[a-z]{2,}(-[a-z]+)+-\\d+$', description: 'Region, as in eu-west-1.' }),
  machineType: text('Instance type.'),
  keyName: Type.Optional(text('Key pair for SSH.')),
  ebsOptimized: Type.Optional(flag('Whether volumes get bandwidth of their own.')),
  monitoring: Type.Optional(flag('Whether metrics come each minute.')),
  iam: strictObject({
    arn: Type.Optional(text('ARN of the instance profile.')),
    name: Type.Optional(text('Name of the instance profile.')),
  }),
  tags: tagMap('Tags of servers, volumes and interfaces; one must name the cluster and one the role.'),
  srcAndDstChecksEnabled: Type.Optional(flag('False: packets that are not from or to the server itself pass.')),
  blockDevices: Type.Array(blockDeviceSchema, { minItems: 1, description: 'Volumes.' }),
  networkInterfaces: Type.Array(networkInterfaceSchema, { minItems: 1, description: 'Network interfaces.' }),
  ...launchOptionFields,
})

/** What a machine class of provider `AWS` says about its servers. */
export type AwsProviderSpec = Static<typeof providerSpecSchema>

const parser = createParser(providerSpecSchema, 'machine class of provider AWS')

/** Tags that we set ourselves, or EC2 keeps for itself. */
const reservedTag = /^(Name|aws:.*|machine\.sapcloud\.io\/.*)$/i

/** Most tags that a thing at EC2 may have, less those that we add. */
const mostTags = 46

/** The checked spec; throws `Invalid` with the field, as in `providerSpec.networkInterfaces[0].subnetID`. */
export function parseProviderSpec(input: unknown): AwsProviderSpec {
  const spec = parseUnder('providerSpec', parser, input)
  const { arn, name } = spec.iam
  if ((arn === undefined) === (name === undefined)) {
    throw refuse('iam', 'an instance profile is named by its ARN or its name', 'give exactly one of arn and name')
  }
  checkTags(spec.tags)
  checkBlockDevices(spec.blockDevices)
  checkNetworkInterfaces(spec.networkInterfaces)
  checkLaunchOptions(spec)
  return spec
}

function checkTags(tags: Readonly<Record<string, string>>): void {
  ownershipTags(tags)
  const keys = Object.keys(tags)
  if (keys.length > mostTags)
    throw refuse('tags', `there are ${keys.length} tags, and EC2 takes ${mostTags} beside ours`)
  const wrong = keys.find((key) => key.length > 128 || key === '' || (key !== 'Name' && reservedTag.test(key)))
  if (wrong !== undefined) throw refuse(`tags.${wrong}`, 'a tag cannot be called so')
}
