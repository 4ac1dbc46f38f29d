import { parsePublicKey } from 'node-wireguard/key'

/** A handshake between two processes of wireguard-go as it went over the wire, and the public key of the end that was asked. */
export const golden = {
  responder: parsePublicKey('osVoPkGQZsHh1aCJF0B5nLZB6MsFEiCjewlxAY7YwAY='),
  initiator: parsePublicKey('IJNV2xHHCR3nygWX4wgbItlJeNU0fZyOqLS7CouAnEk='),
  initiation: Buffer.from(
    '0100000029c3da1701eab1f6ca636e349cf61090d3ecfc07800db181ff1ef487140e2a0573c2f95de49212f74444cb727650a7ca77c2161e61021187354df526b6c376d56703186557d1962887c6915e5086d71ef17956e775dfbe25d1f47dbaf1dc191f6f909b2361661511da55b346a4e773bb9375f91fd72a059d739806b5c7a6c88200000000000000000000000000000000',
    'hex',
  ),
  response: Buffer.from(
    '02000000ce58bb5f29c3da1748d92381950cf576a704d07fb53922483b5489938920e615636bf815fc413c10216b25671be2a220ae4b35768975784fab482b69b7f41b6ad784ddf622745bdc00000000000000000000000000000000',
    'hex',
  ),
  data: Buffer.from('04000000ce58bb5f0000000000000000fa336a317ccd6c0c10a1cdf8c546a45a', 'hex'),
  /** Session indices: the initiator's and the responder's. */
  initiatorIndex: 0x17dac329,
  responderIndex: 0x5fbb58ce,
}
