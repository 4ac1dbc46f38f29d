import { contents, type Moto } from './moto.ts'

/** Asks moto about load balancers of the newer generation. */
export interface BalancerQuestions {
  /** Scheme, subnets and security groups of each load balancer. */
  balancers(): Promise<readonly string[]>
  /** Protocol and port of each listener. */
  listeners(): Promise<readonly string[]>
  /** Name, protocol and port of each target group, then id and port of each target. */
  targetGroups(): Promise<readonly string[]>
  /** Whether each address of the load balancer serves all zones. */
  crossesZones(): Promise<boolean>
}

/** Version of the API that knows Network Load Balancers. */
const Version = '2015-12-01'

/** Questions to a server that holds at most one load balancer. */
export function askAboutBalancers(moto: Moto): BalancerQuestions {
  const ask = (action: string, parameters: Readonly<Record<string, string>> = {}) =>
    moto.ask('elasticloadbalancing', action, { Version, ...parameters })
  const arns = async () => contents(await ask('DescribeLoadBalancers'), 'LoadBalancerArn')
  return {
    balancers: async () => {
      const xml = await ask('DescribeLoadBalancers')
      const [subnets, groups] = [contents(xml, 'SubnetId').toSorted(), contents(xml, 'member')]
      return contents(xml, 'Scheme').map((scheme) =>
        [scheme, ...subnets, ...groups.filter((one) => one.startsWith('sg-'))].join(' '),
      )
    },
    listeners: async () => {
      const found: string[] = []
      for (const arn of await arns()) {
        const xml = await ask('DescribeListeners', { LoadBalancerArn: arn })
        const ports = contents(xml, 'Port')
        found.push(...contents(xml, 'Protocol').map((protocol, index) => `${protocol} ${ports[index]}`))
      }
      return found.sort()
    },
    targetGroups: async () => {
      const xml = await ask('DescribeTargetGroups')
      const names = contents(xml, 'TargetGroupName')
      const found = contents(xml, 'TargetGroupArn').map(async (arn, index) => {
        const health = await ask('DescribeTargetHealth', { TargetGroupArn: arn })
        const [ids, ports] = [contents(health, 'Id'), contents(health, 'Port')]
        const targets = ids.map((id, place) => `${id}:${ports[place]}`).sort()
        return [names[index]?.replace(/^.*-/, ''), ...targets].join(' ')
      })
      return (await Promise.all(found)).sort()
    },
    crossesZones: async () => {
      const [LoadBalancerArn = ''] = await arns()
      const xml = await ask('DescribeLoadBalancerAttributes', { LoadBalancerArn })
      return /cross_zone\.enabled<\/Key>\s*<Value>true|<Value>true<\/Value>\s*<Key>load_balancing\.cross_zone/.test(xml)
    },
  }
}
