const labelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const namePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$/
const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** Whether `text` may be one part of a domain name: a name of a pool, shoot or namespace. */
export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && labelPattern.test(text)
}

/** Whether `text` may be the name of most objects. */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= 253 && subdomainPattern.test(text)
}

/** Whether `text` may be the key of a label, annotation or taint: an optional domain, a slash, a name. */
export function isQualifiedName(text: string): boolean {
  const parts = text.split('/')
  const name = parts.pop() ?? ''
  const [prefix] = parts
  if (parts.length > 1 || (prefix !== undefined && !isDnsSubdomain(prefix))) return false
  return name.length <= 63 && namePattern.test(name)
}

/** Whether `text` may be the value of a label or taint. */
export function isLabelValue(text: string): boolean {
  return text === '' || (text.length <= 63 && namePattern.test(text))
}
