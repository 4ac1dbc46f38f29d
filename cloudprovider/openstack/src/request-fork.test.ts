import { createRequire } from 'node:module'
import library from 'openstack-client'
import manifest from 'request/package.json' with { type: 'json' }
import { expect, it } from 'vitest'

const require = createRequire(import.meta.url)

it('openstack-client stands on the maintained fork of request, and nothing brings the deprecated one back', () => {
  expect(manifest.name).toBe('@cypress/request')
  const wrapper = createRequire(require.resolve('openstack-client'))
  const ofWrapper = createRequire(wrapper.resolve('request-promise')).resolve('request/package.json')
  expect(ofWrapper).toBe(require.resolve('request/package.json'))
})

it('openstack-client has the resources that are in use', () => {
  expect(typeof library.nova.server.create).toBe('function')
  expect(typeof library.neutron.port.list).toBe('function')
})
