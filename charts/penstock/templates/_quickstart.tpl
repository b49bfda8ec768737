{{/* What Ray, Redis and Milvus of the quickstart have in common: give the root and the component's name. */}}

{{- define "penstock.quickstart.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "penstock.fullname" (index . 0) }}-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "penstock.componentLabels" . | nindent 4 }}
spec:
  selector:
    {{- include "penstock.selector" . | nindent 4 }}
  ports:
    - name: {{ index . 1 }}
      port: {{ index . 2 }}
      targetPort: {{ index . 1 }}
{{- end -}}

{{/* Ray asks for its token, and no policy can name the API server, through which the command reads logs. */}}
{{- define "penstock.quickstart.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "penstock.fullname" (index . 0) }}-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "penstock.componentLabels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "penstock.selector" . | nindent 6 }}
  policyTypes:
    - Ingress
  ingress:
    - ports:
        - port: {{ index . 1 }}
          protocol: TCP
      {{- if ne (index . 1) "ray" }}
      from:
        - podSelector:
            matchLabels:
              {{- include "penstock.volumeLabel" (index . 0) | nindent 14 }}
      {{- end }}
{{- end -}}

{{/* One pod, which keeps its name and is never there twice: two servers on one folder would spoil it. */}}
{{- define "penstock.quickstart.set" -}}
metadata:
  name: {{ include "penstock.fullname" (index . 0) }}-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "penstock.componentLabels" . | nindent 4 }}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  serviceName: {{ include "penstock.fullname" (index . 0) }}-{{ index . 1 }}
  selector:
    matchLabels:
      {{- include "penstock.selector" . | nindent 6 }}
{{- end -}}

{{- define "penstock.quickstart.podMetadata" -}}
labels:
  {{- include "penstock.componentLabels" . | nindent 2 }}
  {{- include "penstock.volumeLabel" (index . 0) | nindent 2 }}
{{- end -}}

{{- define "penstock.quickstart.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "penstock.fullname" $root }}-quickstart
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 30
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "penstock.podSecurityContext" $root | nindent 2 }}
{{ include "penstock.oneNode" $root }}
initContainers:
  {{- include "penstock.foldersContainer" (list $root $root.Values.quickstart.image) | nindent 2 }}
{{- end -}}

{{- define "penstock.quickstart.container" -}}
{{- $root := index . 0 -}}
image: {{ include "penstock.image" (list $root $root.Values.quickstart.image) }}
imagePullPolicy: {{ $root.Values.images.pullPolicy }}
securityContext:
  {{- include "penstock.securityContext" $root | nindent 2 }}
{{- end -}}

{{- define "penstock.quickstart.volumes" -}}
- name: tmp
  emptyDir: {}
- name: artifacts
  persistentVolumeClaim:
    claimName: {{ include "penstock.claim" (index . 0) }}
{{- end -}}

{{/* Whether the dashboard answers: its port is open long before. */}}
{{- define "penstock.quickstart.rayAnswers" -}}
exec:
  command:
    - {{ include "penstock.python" . }}
    - -c
    - |
      import pathlib, urllib.request
      token = pathlib.Path("/run/secrets/penstock.dev/ray/token").read_text().strip()
      asked = urllib.request.Request("http://127.0.0.1:8265/api/version")
      asked.add_header("Authorization", f"Bearer {token}")
      urllib.request.urlopen(asked, timeout=10)
timeoutSeconds: 15
{{- end -}}

{{/* Probes of a server that jobs may starve of CPU: to restart it would lose more than to wait. */}}
{{- define "penstock.quickstart.liveness" -}}
tcpSocket:
  port: {{ . }}
periodSeconds: 20
timeoutSeconds: 10
failureThreshold: 6
{{- end -}}
