"""What Milvus calls our metrics."""

from __future__ import annotations

from penstock.api.views import Metric

METRICS = {Metric.COSINE: "COSINE", Metric.INNER_PRODUCT: "IP", Metric.L2: "L2"}
