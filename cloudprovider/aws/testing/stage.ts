import type { CreateMachineRequest, Driver } from '@trellis/cloudprovider/contract/driver'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import { createAwsDriver } from '../src/driver.ts'
import { type Account, prepareAccount } from './account.ts'
import { type Ec2Front, startEc2Front } from './ec2-front.ts'
import type { Moto } from './moto.ts'
import type { LooseSpec } from './specs.ts'

/** A driver in front of an account of its own, with the door between them. */
export interface Stage extends AsyncDisposable {
  readonly account: Account
  readonly front: Ec2Front
  readonly driver: Driver
  /** One more driver, as after a restart. */
  another(options?: { readonly clock?: Clock; readonly registry?: Registry }): Driver
  /** A request for a machine of cluster `one`. */
  request(machineName: string, change?: LooseSpec): CreateMachineRequest
}

/** Sets the stage in front of a server that is emptied for it. */
export async function setStage(moto: Moto): Promise<Stage> {
  const account = await prepareAccount(moto)
  await using stack = new AsyncDisposableStack()
  const front = stack.use(await startEc2Front(moto.url))
  const driver = stack.use(createAwsDriver({ clock: createSystemClock(), endpoints: front.endpoints }))
  const owned = stack.move()
  return {
    account,
    front,
    driver,
    another: ({ clock = createSystemClock(), registry } = {}) =>
      owned.use(
        createAwsDriver({ clock, endpoints: front.endpoints, ...(registry === undefined ? {} : { registry }) }),
      ),
    request: (machineName, change = {}) => ({
      machineName,
      providerSpec: { ...account.providerSpec('one'), ...change },
      secret: account.secret,
      userData: '#cloud-config\n',
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
