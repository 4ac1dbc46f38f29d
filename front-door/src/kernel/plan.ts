import { familyOf } from 'node-wireguard/address'
import { type Target, targetText } from '../destinations/destinations.ts'
import type { Source, SourceKey } from '../udp/source.ts'
import { tableName } from './ruleset.ts'

/** What the kernel's maps hold. */
export interface KernelState {
  readonly flows: ReadonlyMap<SourceKey, { readonly source: Source; readonly zone: number }>
  readonly zones: ReadonlyMap<number, Target>
}

/** Flows as they are to be; source and target are of one family. */
export type WantedFlows = ReadonlyMap<SourceKey, { readonly source: Source; readonly target: Target }>

/** Maps that hold nothing. */
export const emptyState: KernelState = { flows: new Map(), zones: new Map() }

/** Zones are numbers of 16 bits, and 0 is where everybody else's connections are. */
export const lastZone = 65_535

/**
 * What to tell the kernel, in one transaction, to get from what is to what is wanted, and what will be then. A target has one zone for as long as anything leads to it; numbers go
 * round after `lastUsed`, so that none comes back while conntrack may still have connections of its former target.
 */
export function planFlows(
  actual: KernelState,
  wanted: WantedFlows,
  lastUsed: number,
): { readonly text: string; readonly state: KernelState; readonly lastUsed: number } {
  const zoneOf = new Map([...actual.zones].map(([zone, target]) => [targetText(target), zone]))
  const zones = new Map(actual.zones)
  const lines: string[] = []
  let last = lastUsed
  for (const { target } of wanted.values()) {
    if (zoneOf.has(targetText(target))) continue
    last = freeZoneAfter(last, zones)
    zoneOf.set(targetText(target), last)
    zones.set(last, target)
    lines.push(`add element ${mapOf('backends', target.address)} { ${last} : ${target.address} . ${target.port} }`)
  }
  const flows = new Map(
    [...wanted].map(([key, { source, target }]) => [key, { source, zone: zoneOf.get(targetText(target)) ?? 0 }]),
  )
  lines.push(...flowLines(actual.flows, flows))
  const used = new Set([...flows.values()].map(({ zone }) => zone))
  for (const [zone, target] of zones) {
    if (used.has(zone)) continue
    zones.delete(zone)
    lines.push(`delete element ${mapOf('backends', target.address)} { ${zone} }`)
  }
  return { text: lines.map((line) => `${line}\n`).join(''), state: { flows, zones }, lastUsed: last }
}

/** Everything that a state holds, as commands for empty maps. */
export function stateText({ flows, zones }: KernelState): string {
  const lines = [
    ...[...zones].map(
      ([zone, { address, port }]) => `add element ${mapOf('backends', address)} { ${zone} : ${address} . ${port} }`,
    ),
    ...[...flows.values()].map(({ source, zone }) => addition(source, zone)),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function flowLines(before: KernelState['flows'], after: KernelState['flows']): readonly string[] {
  const gone = [...before].filter(([key, { zone }]) => after.get(key)?.zone !== zone)
  const come = [...after].filter(([key, { zone }]) => before.get(key)?.zone !== zone)
  return [
    ...gone.map(([, { source }]) => `delete element ${mapOf('flows', source.address)} { ${keyText(source)} }`),
    ...come.map(([, { source, zone }]) => addition(source, zone)),
  ]
}

function addition(source: Source, zone: number): string {
  return `add element ${mapOf('flows', source.address)} { ${keyText(source)} : ${zone} }`
}

function keyText({ address, port }: Source): string {
  return `${address} . ${port}`
}

function mapOf(name: 'flows' | 'backends', address: Source['address']): string {
  return `inet ${tableName} ${name}${familyOf(address)}`
}

function freeZoneAfter(last: number, zones: ReadonlyMap<number, Target>): number {
  let zone = last
  do zone = (zone % lastZone) + 1
  while (zones.has(zone))
  return zone
}
