"""What an installation provides by default: artifacts, Ray, and the stores that a resource need not name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from penstock.api.meta import Model
from penstock.api.ray import RayBackend

INSTALLATION_VARIABLE = "PENSTOCK_INSTALLATION"


class GatewayService(Model):
    """The Service in front of the gateway, in the installation's own namespace."""

    service: str = Field(description="Its name.")
    port: str = Field(description="The name of its port.")
    scheme: Literal["http", "https"] = Field("http", description="What is spoken there.")


class Installation(Model):
    """The defaults of one laptop stack or one cluster installation."""

    artifacts: str = Field(max_length=512, description="URI under which run directories are kept.")
    artifacts_secret: str | None = Field(
        None,
        description="A Secret of each job's namespace whose keys are the variables, such as AWS_ACCESS_KEY_ID, "
        "by which Ray jobs reach the artifacts.",
    )
    artifacts_claim: str | None = Field(
        None,
        description="A PersistentVolumeClaim of each job's namespace, mounted at /var/lib/penstock in KubeRay's pods.",
    )
    artifacts_ca_path: str | None = Field(
        None,
        description="A file of the operator with the certificate authorities of the artifacts, in PEM; "
        "Ray jobs get its content.",
    )
    ray: RayBackend = Field(description="Where Ray jobs run that name no place of their own.")
    ray_token_path: str | None = Field(None, description="A file with the token of that Ray.")
    platform_image: str | None = Field(None, description="The image of KubeRay's pods that name none.")
    gateway: GatewayService | None = Field(
        None, description="Where the command and the SDK ask through the API server; the control plane does not."
    )
    shared_files: bool = Field(
        False, description="Whether the control plane and every Ray node see the same files, as on a laptop."
    )
    milvus_uri: str | None = None
    feast_registry: dict[str, Any] | None = Field(None, description="The registry section of feature_store.yaml.")
    feast_online_store: dict[str, Any] | None = Field(None, description="The online_store section.")
    python: str = Field("python", description="The interpreter that Ray jobs run with.")

    @classmethod
    def load(cls, path: str | Path | None = None) -> Installation:
        """Read the file named by the argument or by `PENSTOCK_INSTALLATION`.

        Raises:
            KeyError: neither names a file.
            pydantic.ValidationError: the file is not of this form.
        """
        return cls.model_validate_json(Path(path or os.environ[INSTALLATION_VARIABLE]).read_text())
