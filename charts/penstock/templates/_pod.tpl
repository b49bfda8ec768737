{{/* What the pods have in common: the restricted Pod Security Standard, placement, the installation's file. */}}

{{- define "penstock.python" -}}
/opt/penstock/venv/bin/python
{{- end -}}

{{- define "penstock.podSecurityContext" -}}
runAsNonRoot: true
{{- if .Values.podSecurity.setIds }}
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "penstock.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{/* Where the pods of a component go: give the root, the component's name and its values. */}}
{{- define "penstock.placement" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.affinity }}
affinity:
  {{- toYaml $values.affinity | nindent 2 }}
{{- else if $root.Values.quickstart.enabled }}
{{ include "penstock.oneNode" $root }}
{{- end }}
topologySpreadConstraints:
{{- if $values.topologySpreadConstraints }}
  {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "penstock.selector" (list $root $component) | nindent 8 }}
{{- end }}
{{- end -}}

{{/* The quickstart's pods share a volume that one node at a time may have. */}}
{{- define "penstock.oneNode" -}}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            penstock.dev/volume: {{ include "penstock.claim" . }}
{{- end -}}

{{- define "penstock.volumeLabel" -}}
{{- if .Values.quickstart.enabled -}}
penstock.dev/volume: {{ include "penstock.claim" . }}
{{- end -}}
{{- end -}}

{{/* Environment, mounts and volumes of operator and gateway. */}}
{{- define "penstock.installationEnv" -}}
- name: PENSTOCK_INSTALLATION
  value: /etc/penstock/installation.json
- name: PENSTOCK_SYSTEM_NAMESPACE
  value: {{ .Release.Namespace }}
{{- if include "penstock.hasAuthorities" . }}
- name: AWS_CA_BUNDLE
  value: {{ include "penstock.authorities" . }}
{{- end }}
{{- end -}}

{{- define "penstock.installationMounts" -}}
- name: tmp
  mountPath: /tmp
- name: installation
  mountPath: /etc/penstock
  readOnly: true
{{- if include "penstock.hasClaim" . }}
- name: artifacts
  mountPath: /var/lib/penstock
{{- end }}
{{- if include "penstock.hasAuthorities" . }}
- name: artifacts-ca
  mountPath: {{ dir (include "penstock.authorities" .) }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "penstock.installationVolumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
- name: installation
  configMap:
    name: penstock-installation
{{- if include "penstock.hasClaim" . }}
- name: artifacts
  persistentVolumeClaim:
    claimName: {{ include "penstock.claim" . }}
{{- end }}
{{- if include "penstock.hasAuthorities" . }}
{{- $given := .Values.artifacts.caBundle }}
- name: artifacts-ca
  {{- if $given.configMapName }}
  configMap:
    name: {{ $given.configMapName }}
  {{- else }}
  secret:
    secretName: {{ $given.secretName }}
  {{- end }}
    items:
      - key: {{ $given.key }}
        path: {{ base (include "penstock.authorities" .) }}
{{- end }}
{{- end -}}

{{- define "penstock.artifactsEnv" -}}
{{- with .Values.artifacts.secretName }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
{{- end -}}

{{/* In the quickstart the folders of the volume are made by whoever comes first. */}}
{{- define "penstock.foldersContainer" -}}
{{- $root := index . 0 -}}
- name: folders
  image: {{ include "penstock.image" . }}
  imagePullPolicy: {{ $root.Values.images.pullPolicy }}
  command:
    - {{ include "penstock.python" $root }}
    - -c
    - |
      import os
      for name in ("artifacts", "feast", "milvus", "redis"):
          os.makedirs(f"/var/lib/penstock/{name}", exist_ok=True)
  securityContext:
    {{- include "penstock.securityContext" $root | nindent 4 }}
  resources:
    requests:
      cpu: 10m
      memory: 32Mi
    limits:
      memory: 128Mi
  volumeMounts:
    - name: artifacts
      mountPath: /var/lib/penstock
{{- end -}}
