{{/*
The tunnel's end beside the API server: its routes apply to every call that the API server makes. It has no readiness probe, because the
front door must be open before the other end can dial in.
*/}}
{{- define "vpn-seed.container" -}}
- name: vpn-seed
  image: {{ include "image" (dict "root" . "name" "vpn-seed") }}
  args: [--config, /etc/vpn-seed/config.json]
  ports:
    - { name: tunnel, containerPort: {{ .Values.frontDoor.tunnelPort }}, protocol: UDP }
  resources: {{- toYaml .Values.vpnSeed.resources | nindent 4 }}
  securityContext:
    runAsUser: 0
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: { drop: [ALL], add: [NET_ADMIN] }
  volumeMounts:
    - { name: vpn-seed, mountPath: /etc/vpn-seed, readOnly: true }
    - { name: tun, mountPath: /dev/net/tun }
    - { name: vpn-seed-run, mountPath: /run }
{{- end }}

{{- define "vpn-seed.volumes" -}}
- name: vpn-seed
  secret: { secretName: vpn-seed, defaultMode: 0440 }
- name: tun
  hostPath: { path: /dev/net/tun, type: CharDevice }
- name: vpn-seed-run
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
