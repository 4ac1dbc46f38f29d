import type { Forward, QueryCall } from './ec2-front.ts'

/** Prefixes of version 6 on network interfaces, asked for with a server or later, which moto takes and forgets. */
export function createPrefixes(forward: Forward): Forward {
  const counts = new Map<string, number>()
  const add = (id: string, count: number) => counts.set(id, (counts.get(id) ?? 0) + count)
  return async (call) => {
    const { parameters } = call
    const action = parameters.get('Action')
    const answer = await forward(call)
    if (answer.status !== 200) return answer
    if (action === 'AssignIpv6Addresses') {
      add(parameters.get('NetworkInterfaceId') ?? '', Number(parameters.get('Ipv6PrefixCount') ?? 0))
    }
    if (action === 'RunInstances') noteLaunch(call, answer.body, add)
    return action === 'RunInstances' || action === 'DescribeInstances'
      ? { ...answer, body: withPrefixes(answer.body, counts) }
      : answer
  }
}

function noteLaunch({ parameters }: QueryCall, body: string, add: (id: string, count: number) => void): void {
  const ids = [...body.matchAll(/<networkInterfaceId>([^<]+)</g)].map((match) => match[1] ?? '')
  ids.forEach((id, index) => {
    const count = Number(parameters.get(`NetworkInterface.${index + 1}.Ipv6PrefixCount`) ?? 0)
    if (count > 0) add(id, count)
  })
}

function withPrefixes(body: string, counts: ReadonlyMap<string, number>): string {
  return body.replace(/<networkInterfaceId>([^<]+)<\/networkInterfaceId>/g, (whole, id: string) => {
    const items = Array.from(
      { length: counts.get(id) ?? 0 },
      (_, index) => `<item><ipv6Prefix>2001:db8:${index}::/80</ipv6Prefix></item>`,
    )
    return items.length === 0 ? whole : `${whole}<ipv6PrefixSet>${items.join('')}</ipv6PrefixSet>`
  })
}
