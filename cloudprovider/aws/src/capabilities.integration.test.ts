import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { machineTags } from '../testing/account.ts'
import { contents, type Moto, startMoto } from '../testing/moto.ts'
import { setStage } from '../testing/stage.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

const mine = machineTags('machine-a', 'one')

describe('leftovers', () => {
  it('are interfaces, volumes and addresses of the cluster that nothing holds, and neither volumes of pods nor what is to be kept', async () => {
    await using stage = await setStage(moto)
    const { account, driver, request } = stage
    await driver.createMachine(request('machine-b'))
    const left = [await account.leaveInterface(mine), await account.leaveVolume(mine), await account.leaveAddress(mine)]
    await account.leaveVolume({ ...mine, CSIVolumeName: 'pvc-1' })
    await account.leaveVolume({ ...mine, 'kubernetes.io/created-for/pvc/name': 'data' })
    await account.leaveVolume({ ...mine, 'machine.sapcloud.io/kept': 'true' })
    await account.leaveVolume({ 'kubernetes.io/cluster/one': 'owned', Name: 'pvc' })
    await account.leaveVolume(machineTags('machine-a', 'two'))
    const listed = (await driver.listLeftovers?.(request(''))) ?? []
    expect(listed.map(({ id }) => id).sort()).toEqual([...left].sort())
    expect(new Set(listed.map(({ kind }) => kind))).toEqual(new Set(['network-interface', 'disk', 'address']))
    expect(listed.every(({ machineName }) => machineName === 'machine-a')).toBe(true)
    expect(listed.find(({ kind }) => kind === 'disk')?.createdAt).toBeGreaterThan(0)
    for (const one of listed) expect(await driver.deleteLeftover?.(request(''), one)).toBe('gone')
    expect(await driver.listLeftovers?.(request(''))).toEqual([])
  })

  it('are not deleted when something holds them by now', async () => {
    await using stage = await setStage(moto)
    const [id = ''] = await heldInterfaces(stage.driver.createMachine(stage.request('machine-a')))
    const leftover = { id, kind: 'network-interface', machineName: 'machine-a' } as const
    await expect(stage.driver.deleteLeftover?.(stage.request(''), leftover)).rejects.toMatchObject({ kind: 'Conflict' })
  })

  async function heldInterfaces(making: Promise<unknown>): Promise<readonly string[]> {
    await making
    const ids = contents(await moto.ask('ec2', 'DescribeNetworkInterfaces'), 'networkInterfaceId')
    const tags = Object.entries(mine).flatMap(([key, value], index) => [
      [`Tag.${index + 1}.Key`, key],
      [`Tag.${index + 1}.Value`, value],
    ])
    await moto.ask('ec2', 'CreateTags', { 'ResourceId.1': ids[0] ?? '', ...Object.fromEntries(tags) })
    return ids
  }
})

describe('what changes on servers that run', () => {
  it('is changed with no more calls than there are changes', async () => {
    await using stage = await setStage(moto)
    const { driver, front, request } = stage
    await driver.createMachine(request('machine-a'))
    const change = {
      monitoring: true,
      instanceMetadataOptions: { httpTokens: 'required' },
      tags: { ...machineTagsOnly(), colour: 'red' },
    }
    const before = front.calls.length
    await driver.updateMachine?.(request('machine-a', change))
    const made = front.calls.slice(before)
    expect(made).toEqual(['DescribeInstances', 'CreateTags', 'MonitorInstances', 'ModifyInstanceMetadataOptions'])
    expect(front.requests.at(-1)?.get('HttpTokens')).toBe('required')
    const resources = front.requests.find((one) => one.get('Action') === 'CreateTags')
    expect([1, 2, 3].map((index) => resources?.get(`ResourceId.${index}`)?.split('-')[0])).toEqual(['i', 'eni', 'vol'])
  })
})

function machineTagsOnly(): Readonly<Record<string, string>> {
  const { Name: _, ...tags } = mine
  return tags
}

describe('a token that stands for a role', () => {
  it('is shown to STS, and what it gives makes servers', async () => {
    await using stage = await setStage(moto)
    await using stack = new AsyncDisposableStack()
    const directory = await mkdtemp(join(tmpdir(), 'token-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const tokenFile = join(directory, 'token')
    await writeFile(tokenFile, 'header.payload.signature')
    const secret = { workloadIdentityTokenFile: tokenFile, roleARN: 'arn:aws:iam::123456789012:role/machines' }
    await stage.driver.createMachine({ ...stage.request('machine-a'), secret })
    expect(stage.front.calls[0]).toBe('AssumeRoleWithWebIdentity')
    expect(stage.front.requests[0]?.get('WebIdentityToken')).toBe('header.payload.signature')
    expect(await stage.account.serverIds()).toHaveLength(1)
  })

  it("that cannot be read is the secret's fault", async () => {
    await using stage = await setStage(moto)
    const secret = { workloadIdentityTokenFile: '/nowhere/token', roleARN: 'arn:aws:iam::123456789012:role/machines' }
    await expect(stage.driver.createMachine({ ...stage.request('machine-a'), secret })).rejects.toMatchObject({
      kind: 'Unauthorized',
      field: 'secretRef.data.workloadIdentityTokenFile',
    })
  })
})
