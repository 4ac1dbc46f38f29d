import { createOpenStackDriver } from '@trellis/cloudprovider/openstack/driver'
import { exampleSecret, exampleSpec } from '@trellis/cloudprovider/openstack/testing/example-class'
import { createSystemClock } from '@trellis/foundation/clock'

/** A process that lists the machines of an example class at the cloud whose Keystone is its argument. */
const [, , authURL = ''] = process.argv
using driver = createOpenStackDriver({ clock: createSystemClock() })
const machines = await driver.listMachines({
  providerSpec: { spec: exampleSpec },
  secret: { ...exampleSecret, authURL },
})
process.stdout.write(JSON.stringify([...machines]))
