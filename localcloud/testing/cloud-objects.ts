import type { CloudDouble } from './cloud-double.ts'

/** The smallest user-data that a server takes. */
export const userData = '#cloud-config\n'

/** Asks for a server `one` in network `alpha`, with other fields where given. */
export async function makeServer(double: CloudDouble, fields: object = {}) {
  const request = { name: 'one', network: 'alpha', image: 'machine', flavor: 'small', userData, ...fields }
  return await double.cloud.services.servers.create(request)
}

/** Makes network `alpha`, with other fields where given. */
export async function makeNetwork(double: CloudDouble, fields: object = {}) {
  return (await double.cloud.services.networks.create({ name: 'alpha', cidr: '10.250.0.0/16', ...fields })).value
}
