import { describeDevice } from '../testing/device-conformance.ts'
import { createMemoryDevice } from '../testing/memory-device.ts'

describeDevice('the device in memory', async () => ({
  device: createMemoryDevice([4711]),
  takenPort: 4711,
  freePort: 4712,
  [Symbol.asyncDispose]: async () => {},
}))
