{{/*
The tunnel's end beside the API server: its routes apply to every call that the API server makes. Its readiness never waits for the other end,
because the front door must be open before that can dial in.
*/}}
{{- define "vpn-seed.container" -}}
- name: vpn-seed
  image: {{ include "image" (dict "root" . "name" "vpn-seed") }}
  args: [--config, /etc/vpn-seed/config.json]
  ports:
    {{- range .Values.frontDoor.tunnelPorts }}
    - { name: tunnel-{{ . }}, containerPort: {{ . }}, protocol: UDP }
    {{- end }}
    - { name: relay, containerPort: {{ .Values.frontDoor.relayPort }} }
    - { name: vpn-health, containerPort: 9110 }
  readinessProbe:
    httpGet: { path: /readyz, port: vpn-health }
    periodSeconds: 2
  livenessProbe:
    httpGet: { path: /healthz, port: vpn-health }
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  resources: {{- toYaml .Values.vpnSeed.resources | nindent 4 }}
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
  secret: { secretName: vpn-seed, defaultMode: 0400 }
- name: tun
  hostPath: { path: /dev/net/tun, type: CharDevice }
- name: wireguard
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
