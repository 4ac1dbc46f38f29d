import { Failure } from '@trellis/foundation/failure'
import { type Cidr, familyOf, overlap } from '../address.ts'
import { parseInterfaceName } from '../link.ts'
import type { HostConfiguration, NetworkMapping } from './configuration.ts'

/** Refuses a configuration that contradicts itself before anything is done. Throws `Invalid` that names the field. */
export function checkHost(configuration: HostConfiguration): void {
  const { links, routes, rules = [], firewall } = configuration
  checkLinks(links.map((link) => link.interfaceName))
  for (const [index, route] of routes.entries()) {
    const known = route.interfaceName === undefined || links.some((link) => link.interfaceName === route.interfaceName)
    if (!known) throw refuse(`routes[${index}].interfaceName`, `${route.interfaceName} is none of the links`)
    checkRange(route.table, 1, 0xffff_ffff, `routes[${index}].table`)
  }
  for (const [index, rule] of rules.entries()) {
    const field = `rules[${index}]`
    checkRange(rule.priority, 1, 32_765, `${field}.priority`)
    checkRange(rule.table, 1, 0xffff_ffff, `${field}.table`)
    checkRange(rule.mark, 1, 0xffff_ffff, `${field}.mark`)
    for (const side of ['from', 'to'] as const) {
      const cidr = rule[side]
      if (cidr !== undefined && familyOf(cidr) !== rule.family)
        throw refuse(`${field}.${side}`, `${cidr} is not of family ${rule.family}`)
    }
  }
  checkRange(configuration.ruleProtocol, 128, 255, 'ruleProtocol')
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,30}$/.test(firewall.tableName))
    throw refuse('firewall.tableName', 'must be letters, digits and underscores')
  checkRange(firewall.probePort, 1, 65_535, 'firewall.probePort')
  checkMappings(firewall.translation?.own ?? [], 'firewall.translation.own')
  checkMappings(firewall.translation?.remote ?? [], 'firewall.translation.remote')
}

function checkLinks(names: readonly string[]): void {
  if (names.length === 0) throw refuse('links', 'needs at least one')
  for (const [index, name] of names.entries()) {
    parseInterfaceName(name, `links[${index}].interfaceName`)
    if (names.indexOf(name) !== index) throw refuse(`links[${index}].interfaceName`, `${name} is there twice`)
  }
}

function checkMappings(mappings: readonly NetworkMapping[], field: string): void {
  for (const [index, { real, mapped }] of mappings.entries()) {
    const at = `${field}[${index}]`
    if (familyOf(real) !== familyOf(mapped) || lengthOf(real) !== lengthOf(mapped))
      throw refuse(`${at}.mapped`, `${mapped} is not of the family and length of ${real}`)
    const others = mappings.slice(0, index)
    if (others.some((other) => overlap(other.mapped, mapped)))
      throw refuse(`${at}.mapped`, `${mapped} is another network's other name already`)
    if (others.some((other) => overlap(other.real, real))) throw refuse(`${at}.real`, `${real} is mapped already`)
  }
}

function lengthOf(cidr: Cidr): string {
  return cidr.slice(cidr.indexOf('/'))
}

function checkRange(value: number | undefined, least: number, most: number, field: string): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  throw refuse(field, `must be a whole number from ${least} to ${most}`)
}

function refuse(field: string, message: string): Failure {
  return new Failure('Invalid', message, { field })
}
