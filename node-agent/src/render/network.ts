/**
 * Renders the network of this machine's pods as a CNI configuration list.
 * Each pod gets a routed point-to-point link. Unlike on a bridge, packets between two pods of one machine pass the host's routing too, so Service
 * addresses work between them without the br_netfilter module and its sysctls. Pods keep their addresses on the way out of the machine: translation is the
 * business of the machine's network.
 * `ranges` is one CIDR, or undefined for a template that containerd completes.
 */
export function renderNetwork(mtu: number, podCidr: string | undefined): string {
  const ranges =
    podCidr === undefined
      ? '{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$range}}"}]{{end}}'
      : `[{"subnet": "${podCidr}"}]`
  const routes =
    podCidr === undefined
      ? '{{range $i, $route := .Routes}}{{if $i}}, {{end}}{"dst": "{{$route}}"}{{end}}'
      : '{"dst": "0.0.0.0/0"}'
  return `{
  "cniVersion": "1.0.0",
  "name": "trellis",
  "plugins": [
    {
      "type": "ptp",
      "mtu": ${mtu},
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "ranges": [${ranges}],
        "routes": [${routes}]
      }
    },
    {
      "type": "portmap",
      "capabilities": {"portMappings": true}
    }
  ]
}
`
}
