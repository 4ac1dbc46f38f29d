import { join } from 'node:path'
import { exampleTags } from '@trellis/cloudprovider/openstack/testing/example-class'
import { startScriptedCloud } from '@trellis/cloudprovider/openstack/testing/scripted-cloud'
import { bundleDeployable } from '@trellis/distribution/bundle'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, it } from 'vitest'

/** `openstack-client` makes functions while it loads, and its requests are routed by replacing others: a bundler could break both. */
it('the driver works in a bundle, as it ships', async () => {
  await using directory = await createTemporaryDirectory()
  await using cloud = await startScriptedCloud(createSystemClock().now)
  const server = { id: '1', name: 'machine-a', status: 'ACTIVE', metadata: exampleTags }
  cloud.answer = ({ path }) => ({ status: 200, body: { servers: path.includes('not-tags') ? [] : [server] } })
  const output = join(directory.path, 'list-machines.mjs')
  const repository = join(import.meta.dirname, '../..')
  await bundleDeployable(repository, join(import.meta.dirname, 'support/list-machines.ts'), output)
  const { code, stdout, stderr } = await createCommandRunner().run(process.execPath, [output, cloud.authUrl], {
    directory: directory.path,
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual([['openstack:///RegionOne/1', 'machine-a']])
})
