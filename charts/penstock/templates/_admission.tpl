{{/*
Whom the policies of Penstock's kinds do not bind: the operator, namespaces that go and garbage that is collected, and
who is named.
*/}}
{{- define "penstock.admission.exemptions" -}}
- name: not-the-operator
  expression: >-
    request.userInfo.username != {{ printf "system:serviceaccount:%s:%s" .Release.Namespace (include "penstock.operatorServiceAccount" .) | quote }}
- name: not-the-control-plane
  expression: >-
    request.userInfo.username != "system:kube-controller-manager" &&
    (!has(request.userInfo.groups) || !("system:serviceaccounts:kube-system" in request.userInfo.groups))
{{- with .Values.admission.exemptUsers }}
- name: not-exempt
  expression: >-
    !(request.userInfo.username in {{ toJson . }})
{{- end }}
{{- end -}}

{{/* Lets the policy of a kind hold, in the namespaces that this release acts in: give the root and the kind's plural. */}}
{{- define "penstock.admission.binding" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s" (include "penstock.fullname" $root) (index . 1) -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "penstock.labels" $root | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
  {{- with $root.Values.watchNamespaces }}
  matchResources:
    namespaceSelector:
      matchExpressions:
        - key: kubernetes.io/metadata.name
          operator: In
          values: {{ toJson . }}
  {{- end }}
{{- end -}}
