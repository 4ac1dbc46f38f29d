import { afterAll, beforeAll, expect, it } from 'vitest'
import { content, contents, type Moto, startMoto } from '../testing/moto.ts'
import { setStage } from '../testing/stage.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

async function checks(): Promise<readonly string[]> {
  const ids = [...new Set(contents(await moto.ask('ec2', 'DescribeNetworkInterfaces'), 'networkInterfaceId'))]
  const attribute = { Attribute: 'sourceDestCheck' }
  const answers = ids.map((id) =>
    moto.ask('ec2', 'DescribeNetworkInterfaceAttribute', { NetworkInterfaceId: id, ...attribute }),
  )
  return (await Promise.all(answers)).map((xml) => content(xml, 'value'))
}

it('lets packets through and gives prefixes, and says so only then', async () => {
  await using stage = await setStage(moto)
  const nic = { subnetID: stage.account.subnetId, securityGroupIDs: [stage.account.groupId] }
  const change = {
    srcAndDstChecksEnabled: false,
    networkInterfaces: [nic, { ...nic, ipv6AddressCount: 1, ipv6PrefixCount: 2 }],
  }
  const request = stage.request('machine-a', change)
  const { initialized, providerId } = await stage.driver.createMachine(request)
  expect(initialized).toBe(false)
  expect((await stage.another().getMachineStatus(request)).initialized).toBe(false)
  expect(await checks()).toEqual(['true', 'true'])
  stage.front.fail('ModifyNetworkInterfaceAttribute', { refuse: 'InvalidNetworkInterfaceID.NotFound' })
  await expect(stage.driver.initializeMachine({ ...request, providerId })).rejects.toMatchObject({
    kind: 'Unavailable',
  })
  expect((await stage.driver.initializeMachine({ ...request, providerId })).initialized).toBe(true)
  expect(await checks()).toEqual(['false', 'false'])
  expect((await stage.another().getMachineStatus(request)).initialized).toBe(true)
  const before = stage.front.calls.length
  await stage.driver.initializeMachine({ ...request, providerId })
  expect(stage.front.calls.slice(before)).toEqual([])
})

it('asks for prefixes with the server where EC2 lets it', async () => {
  await using stage = await setStage(moto)
  const nic = { subnetID: stage.account.subnetId, securityGroupIDs: [stage.account.groupId], ipv6PrefixCount: 1 }
  const made = await stage.driver.createMachine(stage.request('machine-a', { networkInterfaces: [nic] }))
  expect(made.initialized).toBe(true)
  expect(stage.front.calls).toEqual(['DescribeInstances', 'DescribeImages', 'RunInstances'])
})
