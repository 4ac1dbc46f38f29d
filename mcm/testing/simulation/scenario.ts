import { readdirSync, readFileSync } from 'node:fs'
import type { Script } from './run.ts'

/** A script that once broke a promise, and why. */
export interface Scenario extends Script {
  readonly about: string
  readonly name: string
}

const folder = new URL('../scenarios/', import.meta.url)

/** Every scenario of the folder, by name. */
export function readScenarios(): readonly Scenario[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return files.sort().map((file) => {
    const scenario = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Omit<Scenario, 'name'>
    return { ...scenario, name: file.slice(0, -'.json'.length) }
  })
}
