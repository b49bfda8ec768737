{{/*
Grants one concern's rules to a component: in the whole cluster, or in each of watchNamespaces.
Give the root, component, concern, ServiceAccount and rules as a list.
*/}}
{{- define "penstock.grant" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s-%s" (include "penstock.fullname" $root) (index . 1) (index . 2) -}}
{{- $scopes := default (list "") $root.Values.watchNamespaces -}}
{{- $arguments := . -}}
{{- range $namespace := $scopes }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "Role" "ClusterRole" (ne $namespace "") }}
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "penstock.componentLabels" (list $root (index $arguments 1)) | nindent 4 }}
rules:
  {{- index $arguments 4 | nindent 2 }}
{{- include "penstock.bind" (list $root (index $arguments 1) $name (index $arguments 3) $namespace) }}
{{- end }}
{{- end -}}

{{/* Binds a role to a ServiceAccount; an empty namespace is the whole cluster. */}}
{{- define "penstock.bind" -}}
{{- $kind := ternary "Role" "ClusterRole" (ne (index . 4) "") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ index . 2 }}
  {{- with index . 4 }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "penstock.componentLabels" (list (index . 0) (index . 1)) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ index . 2 }}
subjects:
  - kind: ServiceAccount
    name: {{ index . 3 }}
    namespace: {{ (index . 0).Release.Namespace }}
{{- end -}}

{{/* The kinds that people write. */}}
{{- define "penstock.kinds.written" -}}
[trainingjobs, featurestores, featureviews, vectorstores, vectorcollections, materializations]
{{- end -}}

{{/* The kinds that the operator alone writes: what was trained, and what was staged. */}}
{{- define "penstock.kinds.made" -}}
[trainingruns, stagedruns]
{{- end -}}

{{- define "penstock.kinds" -}}
{{ concat (include "penstock.kinds.written" . | fromYamlArray) (include "penstock.kinds.made" . | fromYamlArray) | toJson }}
{{- end -}}

{{/* Its own kinds: it reads them, writes their status, puts and takes its finalizer, and makes and removes runs. */}}
{{- define "penstock.operator.resources" -}}
- apiGroups: [penstock.dev]
  resources: {{ include "penstock.kinds" . }}
  verbs: [get, list, watch, patch]
- apiGroups: [penstock.dev]
  resources: {{ include "penstock.kinds.made" . }}
  verbs: [create, delete]
- apiGroups: [penstock.dev]
  # The deletionPolicy of a run follows its job's.
  resources: [trainingruns]
  verbs: [update]
- apiGroups: [penstock.dev]
  resources:
    - trainingjobs/status
    - trainingruns/status
    - featurestores/status
    - featureviews/status
    - vectorstores/status
    - vectorcollections/status
    - materializations/status
    - stagedruns/status
  verbs: [update]
{{- end -}}

{{/* KubeRay's RayJobs, one for each attempt, the Ray cluster that is kept for a retry, and what keeps its pods. */}}
{{- define "penstock.operator.rays" -}}
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [list, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end -}}

{{/* What resources refer to, by name: it can list none of them. */}}
{{- define "penstock.operator.references" -}}
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get]
{{- end -}}

{{- define "penstock.operator.events" -}}
- apiGroups: [""]
  resources: [events]
  verbs: [get, create, patch]
{{- end -}}

{{/* Whether our definitions come or go, which only who acts in the whole cluster can see. */}}
{{- define "penstock.operator.definitions" -}}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
{{- end -}}

{{/* It follows the pointers, finds the runs that may be asked for by name, and opens the stores that a run is in. */}}
{{- define "penstock.gateway.resources" -}}
- apiGroups: [penstock.dev]
  resources: [materializations]
  verbs: [list, watch]
- apiGroups: [penstock.dev]
  resources: [stagedruns]
  verbs: [list]
- apiGroups: [penstock.dev]
  resources: [featurestores, vectorstores]
  verbs: [get]
{{- end -}}

{{/* The stores' credentials, by name: it can list none. */}}
{{- define "penstock.gateway.references" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end -}}
