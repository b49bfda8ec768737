{{/* What goes out of operator and gateway, where that is limited. */}}
{{- define "penstock.egress" -}}
{{- if .Values.networkPolicy.egress.enabled -}}
egress:
  - ports:
      - port: 53
        protocol: UDP
      - port: 53
        protocol: TCP
  - ports:
      {{- range .Values.networkPolicy.egress.apiPorts }}
      - port: {{ . }}
        protocol: TCP
      {{- end }}
  {{- if .Values.quickstart.enabled }}
  - to:
      - podSelector:
          matchLabels:
            penstock.dev/volume: {{ include "penstock.claim" . }}
  {{- end }}
  {{- with .Values.networkPolicy.egress.rules }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "penstock.policyTypes" -}}
policyTypes:
  - Ingress
  {{- if .Values.networkPolicy.egress.enabled }}
  - Egress
  {{- end }}
{{- end -}}
