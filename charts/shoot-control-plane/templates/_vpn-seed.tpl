{{/*
The tunnel's end beside the API server: its routes apply to every call that the API server makes. Its readiness never waits for the other end,
because the front door must be open before that can dial in. Takes a dict of the root and `end`: its number, its name, its UDP ports, and whether others stand in for it.
*/}}
{{- define "vpn-seed.container" -}}
- name: vpn-seed
  image: {{ include "image" (dict "root" .root "name" "vpn-seed") }}
  args: [--config, /etc/vpn-seed/config.json]
  ports:
    {{- range .end.tunnelPorts }}
    - { name: tunnel-{{ . }}, containerPort: {{ . }}, protocol: UDP }
    {{- end }}
    - { name: relay, containerPort: {{ .root.Values.frontDoor.relayPort }} }
    - { name: vpn-health, containerPort: 9110 }
  readinessProbe:
    httpGet: { path: /readyz, port: vpn-health }
    periodSeconds: 2
  livenessProbe:
    httpGet: { path: /healthz, port: vpn-health }
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  {{- if .end.drains }}
  # As long as the API server beside it still answers what it was asked.
  lifecycle:
    preStop:
      sleep: { seconds: 12 }
  {{- end }}
  resources: {{- toYaml .root.Values.vpnSeed.resources | nindent 4 }}
  securityContext:
    runAsUser: 0
    runAsNonRoot: false
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: { drop: [ALL], add: [NET_ADMIN] }
  volumeMounts:
    - { name: vpn-seed, mountPath: /etc/vpn-seed, readOnly: true }
    - { name: tun, mountPath: /dev/net/tun }
    - { name: wireguard, mountPath: /var/run/wireguard }
{{- end }}

{{- define "vpn-seed.volumes" -}}
- name: vpn-seed
  secret: { secretName: {{ include "replica.name" (dict "name" "vpn-seed" "end" .end) }}, defaultMode: 0400 }
- name: tun
  hostPath: { path: /dev/net/tun, type: CharDevice }
- name: wireguard
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
